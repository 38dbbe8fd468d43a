using System.Collections;
using Weir.Inference.Providers;

namespace Weir.Server.Configuration;

/// <summary>
/// Everything a configuration is made from. Later ones win: defaults, the file, the environment, the command line.
/// A snapshot: reading it again after the file changed gives the same environment and arguments.
/// </summary>
public sealed record ConfigurationSources
{
    /// <summary>The file that is read where none is named and this one exists in the working directory.</summary>
    public const string DefaultFile = "weir.json";

    /// <summary>The file to read; it must exist. Null: <see cref="DefaultFile"/> if there is one.</summary>
    public string? File { get; init; }

    /// <summary>Variables for <c>${NAME}</c> in the file, and <c>WEIR__SERVER__URL</c> and the like, which override settings.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Settings from the command line, each written <c>--server.url=VALUE</c>.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>The providers of a configuration that has no <c>providers</c> of its own. See <see cref="ProviderDiscovery"/>.</summary>
    public IReadOnlyDictionary<string, ProviderOptions> DefaultProviders { get; init; } = new Dictionary<string, ProviderOptions>();

    /// <summary>Providers offered beside the configured ones, unless one of the same name is configured.</summary>
    public IReadOnlyDictionary<string, ProviderOptions> AddedProviders { get; init; } = new Dictionary<string, ProviderOptions>();

    /// <summary>What a pipe gave, which can be read once only; shared by all copies of these sources.</summary>
    internal PipedText Piped { get; } = new();

    /// <summary>The path that is read, whether or not it exists.</summary>
    public string FilePath => File ?? DefaultFile;

    /// <summary>The sources of this process, with the environment as it is now.</summary>
    public static ConfigurationSources OfProcess(string? file, IReadOnlyList<string> arguments)
    {
        var names = OperatingSystem.IsWindows() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;
        var environment = new Dictionary<string, string>(names);
        foreach (DictionaryEntry variable in System.Environment.GetEnvironmentVariables())
        {
            environment[(string)variable.Key] = (string?)variable.Value ?? "";
        }

        return new ConfigurationSources { File = file, Environment = environment, Arguments = arguments };
    }

    internal sealed class PipedText
    {
        public byte[]? Text { get; set; }
    }
}
