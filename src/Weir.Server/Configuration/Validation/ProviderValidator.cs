using System.Text.RegularExpressions;
using Weir.Inference.Providers;
using Weir.Server.Configuration.Binding;
using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration.Validation;

/// <summary>Names, presets and addresses of providers.</summary>
internal sealed partial class ProviderValidator : IConfigurationValidator
{
    public void Validate(WeirOptions options, FaultList faults)
    {
        foreach (var (name, provider) in options.Providers)
        {
            var path = SettingPath.Member("providers", name);
            if (!Name().IsMatch(name))
            {
                faults.Add(path, "is not a name for a provider", "Use letters, digits, '.', '_' and '-', at most 63, so that provider/model can be told apart");
            }

            ValidatePreset(provider, path, faults);
            ValidateBaseUrl(provider, path, faults);
            ValidateLimits(provider, path, faults);
        }
    }

    private static void ValidatePreset(ProviderOptions provider, string path, FaultList faults)
    {
        if (provider.Preset is not { } preset || ProviderPresets.Find(preset) is not null)
        {
            return;
        }

        var at = SettingPath.Member(path, "preset");
        var known = string.Join(", ", ProviderPresets.Names);
        var near = NearestName.Find(preset, ProviderPresets.Names);
        faults.Add(at, "is not a preset", near is null ? $"Known: {known}" : $"Did you mean \"{near}\"? Known: {known}");
    }

    private static void ValidateBaseUrl(ProviderOptions provider, string path, FaultList faults)
    {
        var at = SettingPath.Member(path, "base_url");
        if (provider.BaseUrl is not { } address)
        {
            if (provider.Preset is null && !faults.IsBlamed(SettingPath.Member(path, "preset")))
            {
                faults.Add(at, "is missing, and there is no preset", "Add \"base_url\": \"http://host:8000/v1\" or a \"preset\"");
            }

            return;
        }

        if (!WebAddress.IsHttp(address))
        {
            faults.Add(at, "is not an http or https address", "Write it like \"http://127.0.0.1:8000/v1\"");
            return;
        }

        var uri = new Uri(address);
        if (uri.UserInfo.Length > 0)
        {
            faults.Add(at, "holds a user or password", "Remove what stands before '@' and use api_key or headers");
        }
        else if (uri.Query.Length > 0 || uri.Fragment.Length > 0)
        {
            faults.Add(at, "has a query or a fragment", "End it with the path, such as /v1");
        }
        else if (uri.AbsolutePath == "/")
        {
            faults.Warn(at, "has no path", "Nearly every provider's ends with /v1");
        }
    }

    private static void ValidateLimits(ProviderOptions provider, string path, FaultList faults)
    {
        if (provider.Limits is { StartConcurrency: { } start, MaxConcurrency: { } cap } && start > cap)
        {
            faults.Add(SettingPath.Member(path, "limits.start_concurrency"), $"is {start}, over max_concurrency, which is {cap}", "Lower it, or raise max_concurrency");
        }
    }

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}\z")]
    private static partial Regex Name();
}
