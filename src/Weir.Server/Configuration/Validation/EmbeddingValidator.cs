using Weir.Retrieval.Embedding;
using Weir.Server.Configuration.Binding;
using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration.Validation;

/// <summary>Embedding models have what their kind takes, and lead somewhere.</summary>
internal sealed class EmbeddingValidator : IConfigurationValidator
{
    private const string Models = "embeddings.models";

    // As in any folder that model2vec has written.
    private static readonly string[] FilesOfStatic = ["model.safetensors", "tokenizer.json"];

    public void Validate(WeirOptions options, FaultList faults)
    {
        foreach (var (name, model) in options.Embeddings.Models)
        {
            var path = SettingPath.Member(Models, name);
            if (name.Length == 0 || name.Any(character => char.IsWhiteSpace(character) || char.IsControl(character)))
            {
                faults.Add(path, "is not a name for a model", "Use letters, digits and signs without blanks");
            }
            else if (options.Routes.ContainsKey(name))
            {
                faults.Add(path, "is hidden by the route of that name, which requests for it would reach", "Give one of the two another name");
            }

            ValidateFields(model, path, faults);
            if (model.Kind == EmbeddingModelKind.Static)
            {
                ValidateStatic(model, path, faults);
            }
            else if (model.Kind == EmbeddingModelKind.Route)
            {
                ValidateRoute(options, model, path, faults);
            }
        }

        for (var i = 0; i < options.Embeddings.Preload.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(options.Embeddings.Preload[i]))
            {
                faults.Add(SettingPath.Item("embeddings.preload", i), "is empty", "Name files, such as \"./preload/*.txt\"");
            }
        }
    }

    private static void ValidateFields(EmbeddingModelOptions model, string path, FaultList faults)
    {
        Refuse(model.Dimensions is not null, EmbeddingModelKind.Hashing, "dimensions");
        Refuse(model.Path is not null, EmbeddingModelKind.Static, "path");
        Refuse(model.Route is not null, EmbeddingModelKind.Route, "route");

        void Refuse(bool isSet, EmbeddingModelKind taker, string setting)
        {
            if (isSet && model.Kind != taker)
            {
                faults.Add(SettingPath.Member(path, setting), $"is for kind {NameOf(taker)}, and this model is of kind {NameOf(model.Kind)}", $"Remove it, or write \"kind\": \"{NameOf(taker)}\"");
            }
        }
    }

    private static void ValidateStatic(EmbeddingModelOptions model, string path, FaultList faults)
    {
        if (string.IsNullOrWhiteSpace(model.Path))
        {
            faults.Add(path, "is of kind static and has no path", "Add \"path\", the folder with model.safetensors and tokenizer.json");
            return;
        }

        var at = SettingPath.Member(path, "path");
        if (!Directory.Exists(model.Path))
        {
            faults.Add(at, "is no folder that there is", "Name the folder with model.safetensors and tokenizer.json, relative to the working directory");
        }
        else if (Array.FindAll(FilesOfStatic, file => !File.Exists(Path.Combine(model.Path, file))) is { Length: > 0 } missing)
        {
            faults.Add(at, $"is a folder without {string.Join(" and ", missing)}", "Put both files of the model there, as model2vec writes them");
        }
    }

    private static void ValidateRoute(WeirOptions options, EmbeddingModelOptions model, string path, FaultList faults)
    {
        if (string.IsNullOrWhiteSpace(model.Route))
        {
            faults.Add(path, "is of kind route and has no route", "Add \"route\", the name of a route or provider/model");
            return;
        }

        var at = SettingPath.Member(path, "route");
        if (options.Routes.TryGetValue(model.Route, out var route))
        {
            var models = route.Deployments.Select(static deployment => deployment.Model).Where(static name => name.Length > 0).Distinct(StringComparer.Ordinal).ToList();
            if (models.Count > 1)
            {
                faults.Add(at, $"leads to deployments that differ in model ({string.Join(", ", models)}), and vectors of two models must not mix", "Make a route for each model, or name one as provider/model");
            }

            return;
        }

        var slash = model.Route.IndexOf('/', StringComparison.Ordinal);
        var isDirect = slash > 0 && slash < model.Route.Length - 1;
        if ((isDirect && (options.Providers.ContainsKey(model.Route[..slash]) || faults.IsBlamed(SettingPath.Member("providers", model.Route[..slash]))))
            || faults.IsBlamed("routes") || faults.IsBlamed(SettingPath.Member("routes", model.Route)) || (isDirect && faults.IsBlamed("providers")))
        {
            return;
        }

        if (options.Embeddings.ModelsWithDefault().ContainsKey(model.Route))
        {
            faults.Add(at, "names an embedding model, not a route", "Name a route or provider/model");
            return;
        }

        var near = NearestName.Find(model.Route, options.Routes.Keys);
        faults.Add(at, "names no route and no provider/model", near is null ? "Write the name of a route, or provider/model" : $"Did you mean \"{near}\"?");
    }

    private static string NameOf(EmbeddingModelKind kind) => kind switch
    {
        EmbeddingModelKind.Hashing => "hashing",
        EmbeddingModelKind.Static => "static",
        _ => "route",
    };
}
