namespace Weir.Retrieval.Embedding.Preloading;

/// <summary>How far one source has come. One writer; read from any thread.</summary>
internal sealed class PreloadTally(string name)
{
    private readonly Lock _sync = new();
    private long _total;
    private long _done;
    private long _failed;
    private string? _error;

    public string Name => name;

    public void Found(int texts)
    {
        lock (_sync)
            _total += texts;
    }

    public void Done(int texts)
    {
        lock (_sync)
            _done += texts;
    }

    public void Failed(int texts, string error)
    {
        lock (_sync)
        {
            _failed += texts;
            _error ??= error;
        }
    }

    /// <summary>It is tried again: an error that was told no longer holds.</summary>
    public void Begins()
    {
        lock (_sync)
            _error = null;
    }

    public PreloadSourceProgress ToProgress()
    {
        lock (_sync)
            return new PreloadSourceProgress(name, _total, _done, _failed, _error);
    }
}
