using System.Globalization;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Mcp;
using Weir.State;
using Weir.State.Configured;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>The catalogs of the configuration beside those that are stored. Of MCP servers the sentences say their names, and never what they are started or called with.</summary>
internal sealed class CatalogDrift(ConfiguredCatalogs configured, CatalogDirectory directory, CatalogLimits limits) : IConfiguredDocuments
{
    private readonly ToolFiles _files = new(limits);

    public string Kind => "catalog";

    public ValueTask<IReadOnlyList<DocumentDrift>> CompareAsync(CancellationToken cancellationToken)
    {
        if (!directory.Known.IsCompletedSuccessfully)
            throw new StoreUnavailableException("The state store has not said yet which catalogs there are.");
        var options = configured.Options;
        var unnamed = directory.All.Select(state => state.Entry?.Record).OfType<CatalogRecord>().Where(record => record.Tenant is null && !options.ContainsKey(record.Name))
            .Select(record => new DocumentDrift(record.Name, DriftState.Unnamed, []));
        return ValueTask.FromResult<IReadOnlyList<DocumentDrift>>([.. options.Select(entry => Compare(entry.Key, entry.Value)).Concat(unnamed).OrderBy(drift => drift.Name, StringComparer.Ordinal)]);
    }

    public async ValueTask<string?> OverwriteAsync(string name, CancellationToken cancellationToken) => await configured.OverwriteAsync(name, cancellationToken).ConfigureAwait(false);

    private DocumentDrift Compare(string name, CatalogOptions options)
    {
        if (directory.Find(CatalogDocuments.KeyOf(null, name))?.Entry is not { Record: var record })
            return new DocumentDrift(name, DriftState.Missing, configured.Faults.TryGetValue(name, out var fault) ? [fault] : []);
        var differences = Between(record, options);
        return new DocumentDrift(name, differences.Count == 0 ? DriftState.None : DriftState.Differs, differences);
    }

    private List<string> Between(CatalogRecord record, CatalogOptions options)
    {
        var differences = new List<string>();
        if (record.EmbeddingModel != options.EmbeddingModel)
            differences.Add($"embedding_model is {record.EmbeddingModel}, configured is {options.EmbeddingModel}");
        Tell("description", record.Weights.Description, options.Weights.Description);
        Tell("parameters", record.Weights.Parameters, options.Weights.Parameters);
        Tell("functionality", record.Weights.Functionality, options.Weights.Functionality);
        // A configuration that says nothing of tools leaves them to whoever puts them.
        if (options.Load is { } path)
            differences.AddRange(BetweenTools(record, path));
        else if (options.Mcp.Count > 0)
            differences.AddRange(BetweenServers(record.Sources, McpSourceReader.Read(options.Mcp, "mcp", isTrusted: true, limits, out _)));
        return differences;

        void Tell(string field, double stored, double wanted)
        {
            if (stored != wanted)
                differences.Add(string.Create(CultureInfo.InvariantCulture, $"weights.{field} is {stored}, configured is {wanted}"));
        }
    }

    private IEnumerable<string> BetweenTools(CatalogRecord record, string path)
    {
        var file = _files.Read(path);
        if (file.Fault is { } fault)
            yield return $"the file of tools cannot be taken: {fault}";
        else if (record.Sources.Count > 0)
            yield return $"the tools are those of MCP servers ({Names(record.Sources)}), configured is a file";
        else if (record.Digest != file.Digest)
            yield return string.Create(CultureInfo.InvariantCulture, $"the tools are others than the file's: {record.Count} are stored, {file.Count} in the file");
    }

    private static IEnumerable<string> BetweenServers(IReadOnlyList<McpSource> stored, IReadOnlyList<McpSource> wanted)
    {
        if (stored.Count == 0)
        {
            yield return $"the tools are a list, configured are MCP servers ({Names(wanted)})";
            yield break;
        }

        if (!stored.Select(source => source.Name).SequenceEqual(wanted.Select(source => source.Name), StringComparer.Ordinal))
        {
            yield return $"the MCP servers are {Names(stored)}, configured are {Names(wanted)}";
            yield break;
        }

        foreach (var (old, next) in stored.Zip(wanted))
        {
            var parts = new[]
            {
                old.Command == next.Command ? null : "command",
                old.Args.SequenceEqual(next.Args, StringComparer.Ordinal) ? null : "args",
                IsSame(old.Env, next.Env) ? null : "env",
                old.Url == next.Url ? null : "url",
                IsSame(old.Headers, next.Headers) ? null : "headers",
                old.IsTrusted == next.IsTrusted ? null : "trust",
            }.OfType<string>().ToList();
            if (parts.Count > 0)
                yield return $"of the MCP server {old.Name} differs: {string.Join(", ", parts)}";
        }
    }

    private static bool IsSame(IReadOnlyDictionary<string, string> one, IReadOnlyDictionary<string, string> other) =>
        one.Count == other.Count && one.All(entry => other.TryGetValue(entry.Key, out var value) && value == entry.Value);

    private static string Names(IEnumerable<McpSource> sources) => string.Join(", ", sources.Select(source => source.Name));
}
