using System.Text;
using System.Text.Json;
using Weir.Leases.Kinds;
using Weir.Server.Configuration;
using Weir.Server.Configuration.Binding;
using Weir.Server.Configuration.Reading;
using Weir.Server.Errors;
using Weir.Server.Hosting;

namespace Weir.Server.Leases;

/// <summary>
/// A change of a kind's definition, read as the configuration is, so that both take the same settings and refuse the same values with the same words. What is
/// left out stays as it is; null puts a setting back to its default.
/// </summary>
internal static class KindChange
{
    /// <summary>What stands for the value of a header where it is shown; sent back, it means the value that is stored.</summary>
    public const string Hidden = "(hidden)";

    /// <param name="name">The kind's name.</param>
    /// <param name="stored">Its definition. Null: there is none yet.</param>
    /// <param name="change">A JSON object.</param>
    public static (KindOptions? Options, ApiError? Error) Apply(string name, KindOptions? stored, JsonElement change)
    {
        var faults = new FaultList("body");
        var place = Place(name);
        if (Parse(change.GetRawText(), place, faults) is not ConfigObject asked)
            return (null, Refusal(faults, name) ?? ApiError.Malformed("The body must be an object with settings of a kind."));
        var before = stored is null ? null : (ConfigObject)Parse(JsonSerializer.Serialize(stored, WireJson.Options), place, faults)!;
        var root = new ConfigObject(new Origin("body"));
        var kinds = new ConfigObject(new Origin("body"));
        kinds.Set(name, new Origin("body"), Merged(before, asked));
        root.Set("kinds", new Origin("body"), kinds);
        var bound = new Binder(faults).Bind(root).Kinds.GetValueOrDefault(name);
        return Refusal(faults, name) is { } error ? (null, error) : (WithHeadersOf(stored, bound!), null);
    }

    private static ConfigNode? Parse(string json, string place, FaultList faults) =>
        JsonText.Parse(Encoding.UTF8.GetBytes(json), place, (line, column) => new Origin("body", line, column), faults);

    private static string Place(string name) => SettingPath.Member("kinds", name);

    private static ConfigObject Merged(ConfigObject? before, ConfigObject asked)
    {
        var merged = new ConfigObject(asked.Origin);
        foreach (var member in before?.Members ?? [])
        {
            if (asked.Find(member.Name) is null)
                merged.Set(member.Name, member.NameOrigin, member.Value);
        }

        foreach (var member in asked.Members)
        {
            if (member.Value is ConfigScalar { Scalar: ScalarKind.Null })
                continue;
            var isGroup = member.Name == "limits" && member.Value is ConfigObject;
            merged.Set(member.Name, member.NameOrigin, isGroup ? Merged(before?.Find(member.Name) as ConfigObject, (ConfigObject)member.Value) : member.Value);
        }

        return merged;
    }

    private static KindOptions WithHeadersOf(KindOptions? stored, KindOptions options)
    {
        if (stored is null || !options.Endpoints.Any(endpoint => endpoint.Headers.Values.Contains(Hidden, StringComparer.Ordinal)))
            return options;
        return options with
        {
            Endpoints = [.. options.Endpoints.Select(endpoint => stored.Endpoints.FirstOrDefault(old => old.Id == endpoint.Id && old.BaseUrl == endpoint.BaseUrl) is { } old
                ? endpoint with { Headers = endpoint.Headers.ToDictionary(header => header.Key, header => header.Value == Hidden ? old.Headers.GetValueOrDefault(header.Key, Hidden) : header.Value, StringComparer.Ordinal) }
                : endpoint)],
        };
    }

    private static ApiError? Refusal(FaultList faults, string name)
    {
        if (faults.Faults.Count == 0)
            return null;
        var root = Place(name);
        var told = faults.Faults.Select(fault => fault.Path.Length > root.Length && fault.Path.StartsWith(root, StringComparison.Ordinal) ? fault.Path[(root.Length + 1)..] : "").ToList();
        var sentences = faults.Faults.Select((fault, at) => $"{(told[at].Length == 0 ? "The body" : told[at])} {fault.Message}. {fault.Remedy}{(fault.Remedy.EndsWith('?') ? "" : ".")}");
        return ApiError.Unprocessable(string.Join(' ', sentences), told[0].Length == 0 ? null : told[0]);
    }
}
