using System.Buffers;
using Weir.Inference.Providers;
using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration.Validation;

/// <summary>Keys and headers sent to providers: what could not be sent, or would be sent twice.</summary>
internal sealed class CredentialValidator : IConfigurationValidator
{
    private static readonly string[] Framing = ["host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer"];

    // RFC 9110, 5.6.2: the characters of a token.
    private static readonly SearchValues<char> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    public void Validate(WeirOptions options, FaultList faults)
    {
        foreach (var (name, provider) in options.Providers)
        {
            var path = SettingPath.Member("providers", name);
            ValidateKeys(provider, path, faults);
            ValidateHeaders(provider, SettingPath.Member(path, "headers"), faults);
        }
    }

    private static void ValidateKeys(ProviderOptions provider, string path, FaultList faults)
    {
        var one = SettingPath.Member(path, "api_key");
        var several = SettingPath.Member(path, "api_keys");
        if (provider is { ApiKey: not null, ApiKeys: not null })
        {
            faults.Add(several, "stands beside api_key", "Keep one of the two");
        }

        if (provider.ApiKey is { } key)
        {
            ValidateKey(key, one, faults);
        }

        if (provider.ApiKeys is not { } keys)
        {
            return;
        }

        if (keys.Count == 0 && !faults.IsBlamed(several))
        {
            faults.Add(several, "is an empty list", "Add a key, or leave it out where none is needed");
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < keys.Count; i++)
        {
            var at = SettingPath.Item(several, i);
            ValidateKey(keys[i], at, faults);
            if (!seen.Add(keys[i]))
            {
                faults.Add(at, "repeats an earlier key, whose limits would be counted twice", "Remove it");
            }
        }
    }

    private static void ValidateKey(string key, string path, FaultList faults)
    {
        if (key.Length == 0)
        {
            faults.Add(path, "is empty", "Set the variable it comes from, or leave it out where no key is needed");
        }
        else if (key.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            faults.Add(path, "has blanks or characters that a header cannot carry", "Check how it was copied: a line break at its end is common");
        }
    }

    private static void ValidateHeaders(ProviderOptions provider, string path, FaultList faults)
    {
        foreach (var (name, value) in provider.Headers ?? new Dictionary<string, string>())
        {
            var at = SettingPath.Member(path, name);
            if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(Token))
            {
                faults.Add(at, "is not the name of a header", "Use letters, digits and '-'");
            }
            else if (Framing.Contains(name, StringComparer.OrdinalIgnoreCase))
            {
                faults.Add(at, "is set by Weir for each request", "Remove it");
            }
            else if (value.AsSpan().ContainsAny('\r', '\n', '\0'))
            {
                faults.Add(at, "has a line break", "Write the value on one line");
            }
            else if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            {
                faults.Add(at, "has characters that a header cannot carry", "Write it in ASCII, encoded as the provider says");
            }
        }
    }
}
