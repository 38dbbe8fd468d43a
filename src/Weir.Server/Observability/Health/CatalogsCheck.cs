using Weir.Retrieval.Catalogs;

namespace Weir.Server.Observability.Health;

/// <summary>Everybody's catalogs and their MCP servers; a tenant's are its own to know of.</summary>
internal sealed class CatalogsCheck(ToolCatalogs catalogs, IConfiguredCatalogs configured) : IReadinessCheck
{
    private const int MostTold = 50;

    public string Name => "catalogs";

    public DependencyHealth Check()
    {
        var (details, causes) = (new List<string>(), new List<string>());
        foreach (var (name, fault) in configured.Faults)
            Tell($"{name}: it could not be made from the configuration", fault);
        foreach (var catalog in catalogs.Everybodys)
        {
            if (catalog.Indexed is null)
                Tell($"{catalog.Name}: it is being indexed for the first time");
            else if (catalog.Note is { } note)
                Tell($"{catalog.Name}: it is searched by words alone", note);
            foreach (var source in catalog.Sources ?? [])
            {
                if (source.State != McpSourceState.Connected)
                    Tell($"{catalog.Name}: the MCP server {source.Name} is {(source.State == McpSourceState.Connecting ? "being connected" : "away")}", source.Error);
            }
        }

        return details.Count == 0 ? DependencyHealth.Ok : DependencyHealth.Degraded([.. details.Take(MostTold)]) with { Causes = [.. causes.Take(MostTold)] };

        void Tell(string what, string? why = null)
        {
            details.Add($"{what}.");
            causes.Add(why is null ? $"{what}." : $"{what}: {why}");
        }
    }
}
