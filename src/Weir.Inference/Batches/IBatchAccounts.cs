namespace Weir.Inference.Batches;

/// <summary>Who pays for batches: joined by the host to whatever it has of keys.</summary>
public interface IBatchAccounts
{
    /// <summary>Null while that cannot be told yet. An account that is gone is one that lets nothing in.</summary>
    IBatchAccount? Find(string keyId);
}

/// <summary>The rights and limits of the key that made a batch, as they are now.</summary>
public interface IBatchAccount
{
    /// <summary>Whether the key may use a model name; null: all of them.</summary>
    Func<string, bool>? MayUse { get; }

    /// <summary>Lets one line in.</summary>
    /// <param name="estimatedTokens">What goes in, as far as can be told before.</param>
    /// <param name="permit">Null where the line is refused.</param>
    /// <returns>Null, or why not: with 429 or 503 the line is tried again later; any other refusal is the line's result.</returns>
    InferenceError? TryEnter(int estimatedTokens, out IBatchPermit? permit);
}

/// <summary>One line of a key, from entering to leaving.</summary>
public interface IBatchPermit : IDisposable
{
    /// <summary>Counts what the line used.</summary>
    void Settle(InferenceReport report);
}
