using System.Net;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Catalogs.Documents;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>Programs and addresses.</summary>
internal sealed class McpTransports(McpLimits limits, TimeProvider time, ILoggerFactory loggers) : IMcpTransports
{
    /// <summary>The addresses of a host's name.</summary>
    public Func<string, CancellationToken, Task<IPAddress[]>> Resolve { get; init; } = Dns.GetHostAddressesAsync;

    public McpChannel Open(McpSource source) => source.Command is not null
        ? McpProcess.Start(source, limits, time, loggers.CreateLogger<McpProcess>())
        : McpAddress.Open(source, limits, Resolve);
}
