namespace Weir.Retrieval.Embedding.Preloading;

/// <summary>Texts to embed in advance that do not stand in files, such as the tools of a catalog.</summary>
public interface IPreloadSource
{
    /// <summary>What stands before the colon in <c>embeddings.preload</c>: <c>catalog</c>.</summary>
    string Scheme { get; }

    /// <summary>The texts of one name; null where there is nothing of that name, or not yet.</summary>
    ValueTask<IAsyncEnumerable<PreloadText>?> FindAsync(string name, CancellationToken cancellationToken);
}

/// <param name="Text">What to embed.</param>
/// <param name="Model">With which model; null: the default one.</param>
public readonly record struct PreloadText(string Text, string? Model = null);
