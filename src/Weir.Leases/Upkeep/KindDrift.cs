using System.Text.Json;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.State.Configured;

namespace Weir.Leases.Upkeep;

/// <summary>The kinds of the configuration beside those that are stored.</summary>
internal sealed class KindDrift(ConfiguredKinds configured, IFleetView view, IKindDesk desk) : IConfiguredDocuments
{
    // What their values are is nobody's business who may only look.
    private static readonly string[] Secret = ["headers", "settings"];

    public string Kind => "kind";

    public ValueTask<IReadOnlyList<DocumentDrift>> CompareAsync(CancellationToken cancellationToken)
    {
        if (!view.IsKnown)
            throw new StoreUnavailableException("The state store has not said yet which kinds there are.");
        var options = configured.Options;
        var stored = view.Kinds.ToDictionary(kind => kind.Value.Name, kind => kind.Value.Options, StringComparer.Ordinal);
        var unnamed = stored.Keys.Where(name => !options.ContainsKey(name)).Select(name => new DocumentDrift(name, DriftState.Unnamed, []));
        return ValueTask.FromResult<IReadOnlyList<DocumentDrift>>([.. options.Select(entry => Compare(entry.Key, entry.Value, stored.GetValueOrDefault(entry.Key))).Concat(unnamed).OrderBy(drift => drift.Name, StringComparer.Ordinal)]);
    }

    public async ValueTask<string?> OverwriteAsync(string name, CancellationToken cancellationToken) =>
        configured.Options.TryGetValue(name, out var options)
            ? (await desk.PutAsync(name, options, cancellationToken).ConfigureAwait(false)).Error?.Message
            : "it is not configured any more";

    /// <summary>One sentence for each setting that is stored otherwise than configured.</summary>
    public static IReadOnlyList<string> Between(KindOptions stored, KindOptions wanted)
    {
        var differences = new List<string>();
        Tell("", Tree(stored), Tree(wanted), differences);
        return differences;
    }

    public static bool AreSame(KindOptions one, KindOptions other) => JsonElement.DeepEquals(Tree(one), Tree(other));

    private DocumentDrift Compare(string name, KindOptions wanted, KindOptions? stored)
    {
        if (stored is null)
            return new DocumentDrift(name, DriftState.Missing, configured.Faults.TryGetValue(name, out var fault) ? [fault] : []);
        var differences = Between(stored, wanted);
        return new DocumentDrift(name, differences.Count == 0 ? DriftState.None : DriftState.Differs, differences);
    }

    private static void Tell(string path, JsonElement? stored, JsonElement? wanted, List<string> differences)
    {
        if (stored is { } one && wanted is { } other && JsonElement.DeepEquals(one, other))
            return;
        if (Members(stored) is { } before && Members(wanted) is { } after)
        {
            foreach (var member in before.Keys.Union(after.Keys, StringComparer.Ordinal))
                Tell(path.Length == 0 ? member : $"{path}.{member}", Find(before, member), Find(after, member), differences);
        }
        else
        {
            var isSecret = path.Split('.').Intersect(Secret, StringComparer.Ordinal).Any();
            differences.Add(isSecret ? $"{path} is not as configured" : $"{path} is {Text(stored)}, configured is {Text(wanted)}");
        }

        static JsonElement? Find(Dictionary<string, JsonElement> members, string name) => members.TryGetValue(name, out var value) ? value : null;
    }

    // Endpoints go by their ids. One that stands on one side alone is named, and what it holds is not shown.
    private static Dictionary<string, JsonElement>? Members(JsonElement? element) => element switch
    {
        { ValueKind: JsonValueKind.Object } found => found.EnumerateObject().ToDictionary(member => member.Name, member => member.Value, StringComparer.Ordinal),
        { ValueKind: JsonValueKind.Array } list when list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.Object && item.TryGetProperty("id", out _)) =>
            list.EnumerateArray().GroupBy(item => item.GetProperty("id").GetString() ?? "", StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal),
        _ => null,
    };

    private static string Text(JsonElement? element) => element switch
    {
        null or { ValueKind: JsonValueKind.Null } => "not set",
        { ValueKind: JsonValueKind.Object } => "there",
        { ValueKind: JsonValueKind.String } text => text.GetString()!,
        { } other => other.GetRawText(),
    };

    private static JsonElement Tree(KindOptions options)
    {
        using var document = JsonDocument.Parse(LeaseDocuments.Write(new KindRecord("", options)));
        return document.RootElement.GetProperty("options").Clone();
    }
}
