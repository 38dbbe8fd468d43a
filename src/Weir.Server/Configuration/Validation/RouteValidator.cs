using Weir.Inference.Routing;
using Weir.Server.Configuration.Binding;
using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration.Validation;

/// <summary>Routes lead to providers that exist, each deployment once.</summary>
internal sealed class RouteValidator : IConfigurationValidator
{
    // Keys are longer, should one stand here by mistake; names are seldom.
    private const int LongestShown = 32;

    public void Validate(WeirOptions options, FaultList faults)
    {
        foreach (var (name, route) in options.Routes)
        {
            var path = SettingPath.Member("routes", name);
            if (name.Length == 0 || name.Any(character => char.IsWhiteSpace(character) || char.IsControl(character)))
            {
                faults.Add(path, "is not a name for a model", "Use letters, digits and signs without blanks");
            }

            ValidateDeployments(options, route, SettingPath.Member(path, "deployments"), faults);
        }
    }

    private static void ValidateDeployments(WeirOptions options, RouteOptions route, string path, FaultList faults)
    {
        var seen = new HashSet<(string, string)>();
        for (var i = 0; i < route.Deployments.Count; i++)
        {
            var deployment = route.Deployments[i];
            var at = SettingPath.Item(path, i);
            if (deployment.Provider.Length > 0 && !options.Providers.ContainsKey(deployment.Provider))
            {
                AddDangling(options, deployment.Provider, SettingPath.Member(at, "provider"), faults);
            }

            if (deployment is { Provider.Length: > 0, Model.Length: > 0 } && !seen.Add((deployment.Provider, deployment.Model)))
            {
                faults.Add(at, $"repeats {deployment.Provider}/{deployment.Model}", "Remove it, or give the first one more weight");
            }

            if (deployment.Limits is { StartConcurrency: { } start, MaxConcurrency: { } cap } && start > cap)
            {
                faults.Add(SettingPath.Member(at, "limits.start_concurrency"), $"is {start}, over max_concurrency, which is {cap}", "Lower it, or raise max_concurrency");
            }
        }
    }

    private static void AddDangling(WeirOptions options, string provider, string path, FaultList faults)
    {
        // A provider that could not be read is at fault itself.
        if (faults.IsBlamed("providers") || faults.IsBlamed(SettingPath.Member("providers", provider)))
        {
            return;
        }

        var near = NearestName.Find(provider, options.Providers.Keys);
        var known = options.Providers.Count == 0 ? "There are none" : $"There are {string.Join(", ", options.Providers.Keys)}";
        var shown = provider.Length <= LongestShown ? $"'{provider}' " : "";
        faults.Add(path, $"{shown}names no entry of providers", near is null ? known : $"Did you mean \"{near}\"? {known}");
    }
}
