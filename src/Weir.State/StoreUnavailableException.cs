namespace Weir.State;

/// <summary>The store cannot be reached, or refuses: the message says what it said and what to do.</summary>
public sealed class StoreUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
