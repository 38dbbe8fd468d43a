namespace Weir.Server;

/// <summary>The server refuses to start, for a reason that the operator can mend: the message says which and how.</summary>
internal sealed class StartupException(string message) : Exception(message);
