using Weir.Retrieval.Catalogs;

namespace Weir.Server.Observability.Health;

/// <summary>Everybody's catalogs and their MCP servers; a tenant's are its own to know of.</summary>
internal sealed class CatalogsCheck(ToolCatalogs catalogs, IConfiguredCatalogs configured) : IReadinessCheck
{
    private const int MostTold = 50;

    public string Name => "catalogs";

    public DependencyHealth Check()
    {
        var details = new List<string>();
        foreach (var (name, fault) in configured.Faults)
            details.Add($"{name}: it could not be made from the configuration: {fault}");
        foreach (var catalog in catalogs.Everybodys)
        {
            if (catalog.Indexed is null)
                details.Add($"{catalog.Name}: it is being indexed for the first time.");
            else if (catalog.Note is { } note)
                details.Add($"{catalog.Name}: {note}");
            foreach (var source in catalog.Sources ?? [])
            {
                if (source.State != McpSourceState.Connected)
                    details.Add($"{catalog.Name}: the MCP server {source.Name} {(source.State == McpSourceState.Connecting ? "is being connected." : $"is away: {source.Error}")}");
            }
        }

        return details.Count == 0 ? DependencyHealth.Ok : DependencyHealth.Degraded([.. details.Take(MostTold)]);
    }
}
