using Weir.Inference.Providers;
using Weir.Server.Configuration.Binding;
using Weir.Server.Configuration.Reading;
using Weir.Server.Configuration.Shapes;
using Weir.Server.Configuration.Validation;

namespace Weir.Server.Configuration;

/// <summary>
/// Reads the whole configuration and finds everything that is wrong with it at once:
/// parse, expand variables, overlay environment and command line, bind, add default providers, validate.
/// </summary>
public static class ConfigurationLoader
{
    /// <summary>More than this is not a configuration written by anybody.</summary>
    internal const int MaxFileBytes = 4 << 20;

    /// <summary>Reads the file and everything else. Never throws for what a user wrote.</summary>
    public static LoadedConfiguration Load(ConfigurationSources sources)
    {
        ArgumentNullException.ThrowIfNull(sources);
        var faults = new FaultList(sources.FilePath);
        var text = ConfigurationFile.Read(sources, faults);
        return Load(sources, text, faults);
    }

    /// <summary>The same, of a file whose text is at hand.</summary>
    internal static LoadedConfiguration Load(ConfigurationSources sources, byte[] text) =>
        Load(sources, text, new FaultList(sources.FilePath));

    private static LoadedConfiguration Load(ConfigurationSources sources, byte[]? text, FaultList faults)
    {
        var tree = text is null ? new ConfigObject(new Origin(sources.FilePath)) : ReadTree(sources, text, faults);
        var overlay = new Overlay(ShapeReader.Root, faults);
        overlay.ApplyEnvironment(tree, sources.Environment);
        overlay.ApplyArguments(tree, sources.Arguments);

        var options = new Binder(faults).Bind(tree);
        var providersAreDefault = tree.Find("providers") is null;
        options = AddProviders(options, sources, providersAreDefault);
        Validate(options, sources, faults);
        return new LoadedConfiguration
        {
            Options = options,
            Faults = faults.Faults,
            Warnings = faults.Warnings,
            File = text is null ? null : sources.FilePath,
            ProvidersAreDefault = providersAreDefault,
            Text = text,
        };
    }

    private static ConfigObject ReadTree(ConfigurationSources sources, byte[] text, FaultList faults)
    {
        Origin Place(int line, int column) => new(sources.FilePath, line, column);
        switch (JsonText.Parse(text, "", Place, faults))
        {
            case ConfigObject tree:
                return (ConfigObject)new VariableExpansion(sources.Environment, faults).Expand(tree, "");
            case { } other:
                faults.AddSyntax(other.Origin, "", $"must be an object, found {other.Kind}", "Write { … }");
                break;
        }

        return new ConfigObject(Place(1, 1));
    }

    private static WeirOptions AddProviders(WeirOptions options, ConfigurationSources sources, bool useDefaults)
    {
        if (!useDefaults && sources.AddedProviders.Count == 0)
        {
            return options;
        }

        var providers = new Dictionary<string, ProviderOptions>(useDefaults ? sources.DefaultProviders : options.Providers, StringComparer.Ordinal);
        foreach (var (name, provider) in sources.AddedProviders)
        {
            providers.TryAdd(name, provider);
        }

        return options with { Providers = providers.AsReadOnly() };
    }

    private static void Validate(WeirOptions options, ConfigurationSources sources, FaultList faults)
    {
        IConfigurationValidator[] validators =
        [
            new ServerValidator(sources.Environment),
            new StateValidator(),
            new ProviderValidator(),
            new CredentialValidator(),
            new RouteValidator(),
            new EmbeddingValidator(),
            new CollectionValidator(),
            new CatalogValidator(),
            new KindValidator(),
            new TelemetryValidator(),
        ];
        foreach (var validator in validators)
        {
            validator.Validate(options, faults);
        }
    }
}
