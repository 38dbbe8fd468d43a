using Weir.Retrieval.Embedding.Caching;

namespace Weir.Retrieval.Embedding.Loading;

/// <summary>A model and how many use it. It is disposed once it was retired and the last of them let go.</summary>
internal sealed class LoadedModel(IEmbeddingModel model, EmbeddingModelOptions options, string stamp)
{
    // One for the table that offers it, one for each who uses it.
    private int _holds = 1;
    private int _retired;

    public IEmbeddingModel Model => model;

    public EmbeddingModelOptions Options => options;

    public string Stamp => stamp;

    public VectorKeys Keys { get; } = new(model.Revision);

    /// <summary>Whether anybody but the table holds it.</summary>
    public bool IsInUse => Volatile.Read(ref _holds) > 1;

    /// <summary>False once it is disposed, or will be by whoever holds it last.</summary>
    public bool TryHold()
    {
        var holds = Volatile.Read(ref _holds);
        while (holds > 0 && Volatile.Read(ref _retired) == 0)
        {
            var seen = Interlocked.CompareExchange(ref _holds, holds + 1, holds);
            if (seen == holds)
                return true;
            holds = seen;
        }

        return false;
    }

    /// <summary>Another hold for whoever has one.</summary>
    public void HoldAgain() => Interlocked.Increment(ref _holds);

    public void Release()
    {
        if (Interlocked.Decrement(ref _holds) == 0)
            model.Dispose();
    }

    /// <summary>The table offers it no more.</summary>
    public void Retire()
    {
        if (Interlocked.Exchange(ref _retired, 1) == 0)
            Release();
    }
}
