using Weir.Leases.Kinds;

namespace Weir.Leases.Documents;

/// <summary>A kind as it is stored: what counts, whatever the configuration says.</summary>
/// <param name="Name">Its sort, or its sort, a colon and a name: <c>rag</c>, <c>remote:gpu-box</c>.</param>
/// <param name="Options">What it is.</param>
public sealed record KindRecord(string Name, KindOptions Options);
