namespace Weir.State;

/// <summary>The store cannot be reached, or refuses: the message says what it said and what to do.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What names the store, or its password, must be changed; waiting does not help.</summary>
    public bool Misconfigured { get; init; }

    internal StoreFault Fault { get; init; } = StoreFault.Refused;
}

/// <summary>How far a call came.</summary>
internal enum StoreFault
{
    /// <summary>It never left, or the store said that it did nothing and will soon serve again.</summary>
    NotSent,

    /// <summary>It left, and the connection was lost: it may have landed.</summary>
    Unanswered,

    /// <summary>It left, and no answer came in time: it may have landed, or may still land.</summary>
    TimedOut,

    /// <summary>The store answered that it will not do it.</summary>
    Refused,
}
