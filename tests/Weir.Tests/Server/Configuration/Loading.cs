using System.Text;
using Weir.Server.Configuration;

namespace Weir.Tests.Server.Configuration;

/// <summary>Loads configurations that are texts in a test.</summary>
internal static class Loading
{
    public static LoadedConfiguration Load(
        string json, IReadOnlyDictionary<string, string>? environment = null, params string[] arguments) =>
        ConfigurationLoader.Load(Sources(environment, arguments), Encoding.UTF8.GetBytes(json));

    public static ConfigurationSources Sources(IReadOnlyDictionary<string, string>? environment = null, params string[] arguments) => new()
    {
        File = "weir.json",
        Environment = environment ?? new Dictionary<string, string>(),
        Arguments = arguments,
    };

    /// <summary>The one fault, of a configuration that should have just one.</summary>
    public static Fault OnlyFault(
        string json, IReadOnlyDictionary<string, string>? environment = null, params string[] arguments)
    {
        var loaded = Load(json, environment, arguments);
        loaded.Faults.Count.ShouldBe(1, string.Join('\n', loaded.Faults));
        return loaded.Faults[0];
    }

    public static WeirOptions Options(
        string json, IReadOnlyDictionary<string, string>? environment = null, params string[] arguments)
    {
        var loaded = Load(json, environment, arguments);
        loaded.Faults.ShouldBeEmpty(string.Join('\n', loaded.Faults));
        return loaded.Options;
    }

    public static Dictionary<string, string> Env(params (string Name, string Value)[] variables) =>
        variables.ToDictionary(variable => variable.Name, variable => variable.Value);
}
