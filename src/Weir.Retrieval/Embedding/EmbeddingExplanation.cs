namespace Weir.Retrieval.Embedding;

/// <summary>What the service knows of one text.</summary>
public sealed record EmbeddingExplanation
{
    public required string Model { get; init; }

    public required string Revision { get; init; }

    /// <summary>As asked for, else of the model; null where that is not known yet.</summary>
    public required int? Dimensions { get; init; }

    /// <summary>How many tokens the text has; estimated where the model has no tokenizer here.</summary>
    public required int TokenCount { get; init; }

    /// <summary>The first <see cref="MostTokens"/> of them; null where the model has no tokenizer here.</summary>
    public required IReadOnlyList<ExplainedToken>? Tokens { get; init; }

    /// <summary>Of the hashing model: the first <see cref="MostTokens"/> different words as it reads them; null for others.</summary>
    public IReadOnlyList<ExplainedWord>? Words { get; init; }

    /// <summary>What is to be known of <see cref="TokenCount"/>; null: nothing.</summary>
    public string? Note { get; init; }

    public required CachedWhere Cached { get; init; }

    /// <summary>Whether the state store has it too.</summary>
    public required StoredState Stored { get; init; }

    /// <summary>Whether it is being made at this moment.</summary>
    public required bool InFlight { get; init; }

    /// <summary>How often the asker's tenant asked for it, as far as is remembered; null: not that is remembered. Of others nothing is said.</summary>
    public required ExplainedCalls? Calls { get; init; }

    /// <summary>Who asked for it, of all tenants, as far as is remembered on this replica: the last <see cref="MostCallers"/>, whoever asked last first. Null for all but admins.</summary>
    public IReadOnlyList<ExplainedCaller>? Callers { get; init; }

    public const int MostTokens = 4096;

    public const int MostCallers = 100;
}

/// <summary>Where a vector is kept.</summary>
public enum CachedWhere
{
    Absent,

    /// <summary>In this process.</summary>
    Memory,

    /// <summary>In the state store only.</summary>
    Store,
}

/// <summary>What the state store has of a vector.</summary>
public enum StoredState
{
    /// <summary>This model's vectors are not kept there.</summary>
    Off,

    Absent,

    Present,

    /// <summary>It did not answer, or is left alone for a few seconds after it did not.</summary>
    Unknown,
}

/// <param name="Id">In the model's vocabulary.</param>
/// <param name="Text">As it stands there.</param>
public sealed record ExplainedToken(int Id, string Text);

/// <param name="Text">As it is hashed: folded, its plural taken off; of scripts without spaces, a character or two neighbours.</param>
/// <param name="Count">How often it occurs.</param>
public sealed record ExplainedWord(string Text, int Count);

/// <param name="Tenant">Whose client it is.</param>
/// <param name="Client">The id of its key, or the tenant's name where there was none.</param>
/// <param name="Count">How often.</param>
/// <param name="First">When first.</param>
/// <param name="Last">When last.</param>
public sealed record ExplainedCaller(string Tenant, string Client, long Count, DateTimeOffset First, DateTimeOffset Last);

/// <param name="Count">How often.</param>
/// <param name="First">When first.</param>
/// <param name="Last">When last.</param>
public sealed record ExplainedCalls(long Count, DateTimeOffset First, DateTimeOffset Last);
