namespace Weir.Retrieval.Embedding;

/// <summary>A model in use: while it is held, it is not unloaded.</summary>
public sealed class ModelLease(IEmbeddingModel model, Action release) : IDisposable
{
    private Action? _release = release;

    public IEmbeddingModel Model => model;

    /// <summary>Lets go; once, however often it is called.</summary>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
