namespace Weir.State.Configured;

/// <summary>
/// Documents of one kind that the configuration makes where there are none, and that are the store's from then on. The capability that has them tells how
/// what is stored has drifted from what is configured, and overwrites it when an operator asks for that. What is not configured is never deleted.
/// </summary>
public interface IConfiguredDocuments
{
    /// <summary>What one of them is called: <c>collection</c>.</summary>
    string Kind { get; }

    /// <summary>Each that is configured, and each that all tenants share and is not; by name, as this replica knows them.</summary>
    /// <exception cref="StoreUnavailableException">The store has not said yet which there are.</exception>
    ValueTask<IReadOnlyList<DocumentDrift>> CompareAsync(CancellationToken cancellationToken);

    /// <summary>Makes the document as it is configured, over whatever is stored. Done twice, it changes nothing more.</summary>
    /// <returns>Why not, in a sentence. Null: it is stored.</returns>
    /// <exception cref="StoreUnavailableException">The store is away.</exception>
    ValueTask<string?> OverwriteAsync(string name, CancellationToken cancellationToken);
}

/// <summary>How one document compares with its configuration.</summary>
/// <param name="Name">The document's.</param>
/// <param name="State">Whether they agree.</param>
/// <param name="Differences">One sentence for each difference, without secrets; also why it cannot be made as configured. Empty: none.</param>
public sealed record DocumentDrift(string Name, DriftState State, IReadOnlyList<string> Differences);

/// <summary>Whether a document and its configuration agree.</summary>
public enum DriftState
{
    /// <summary>Stored as configured.</summary>
    None,

    /// <summary>Stored otherwise than configured; what is stored counts.</summary>
    Differs,

    /// <summary>Configured and not stored: not made yet, or deleted since.</summary>
    Missing,

    /// <summary>Stored and not configured: made by hand, or dropped from the file.</summary>
    Unnamed,
}
