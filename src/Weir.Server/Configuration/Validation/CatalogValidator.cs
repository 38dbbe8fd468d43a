using Weir.Retrieval.Catalogs;
using Weir.Server.Configuration.Binding;
using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration.Validation;

/// <summary>Catalogs have names, one source of tools that can be used, a model that there is, and weights that find something.</summary>
internal sealed class CatalogValidator : IConfigurationValidator
{
    public void Validate(WeirOptions options, FaultList faults)
    {
        foreach (var (name, catalog) in options.Catalogs)
        {
            var path = SettingPath.Member("catalogs", name);
            if (name.Length is 0 or > 63 || !char.IsAsciiLetterOrDigit(name[0]) || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
            {
                faults.Add(path, "is not a name for a catalog", "Use letters, digits, '.', '_' and '-', at most 63, and begin with a letter or digit");
            }

            ValidateSources(catalog, path, faults);
            ValidateModel(options, catalog, path, faults);
            if (catalog.Weights is { Description: 0, Parameters: 0, Functionality: 0 })
            {
                faults.Add(SettingPath.Member(path, "weights"), "are all 0: nothing would be found", "Leave them out for 0.4, 0.3 and 0.3");
            }
        }
    }

    private static void ValidateSources(CatalogOptions catalog, string path, FaultList faults)
    {
        var (mcp, load) = (SettingPath.Member(path, "mcp"), SettingPath.Member(path, "load"));
        if (catalog.Load is not null && catalog.Mcp.Count > 0)
        {
            faults.Add(load, "stands beside mcp", "Keep one of the two, or make two catalogs");
        }
        else if (catalog.Load is { } file && CatalogChecks.FaultOfFile(file) is { } fault)
        {
            faults.Add(load, $"names a file that cannot be used: {fault}", "Name a JSON file with a list of tools, relative to the working directory");
        }

        if (catalog.Mcp.Count > 0 && CatalogChecks.FaultOf(catalog.Mcp, mcp) is { } error)
        {
            // Its message begins with the place, which the fault has beside it.
            var place = error.Param ?? mcp;
            var message = error.Message.StartsWith(place + " ", StringComparison.Ordinal) ? error.Message[(place.Length + 1)..] : error.Message;
            faults.Add(place, message.TrimEnd('.'), "Write { \"command\": \"npx\", \"args\": [\"-y\", \"some-mcp-server\"] } or { \"url\": \"https://host/mcp\" }");
        }
    }

    private static void ValidateModel(WeirOptions options, CatalogOptions catalog, string path, FaultList faults)
    {
        var models = options.Embeddings.ModelsWithDefault();
        if (models.ContainsKey(catalog.EmbeddingModel) || faults.IsBlamed("embeddings.models") || faults.IsBlamed(SettingPath.Member("embeddings.models", catalog.EmbeddingModel)))
        {
            return;
        }

        var near = NearestName.Find(catalog.EmbeddingModel, models.Keys);
        var known = $"There are {string.Join(", ", models.Keys)}";
        faults.Add(SettingPath.Member(path, "embedding_model"), "names no entry of embeddings.models", near is null ? known : $"Did you mean \"{near}\"? {known}");
    }
}
