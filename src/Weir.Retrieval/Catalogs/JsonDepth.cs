using System.Text.Json;

namespace Weir.Retrieval.Catalogs;

/// <summary>How deep a schema may nest: what stands around it in an answer has to fit above it.</summary>
internal static class JsonDepth
{
    public const int Most = 24;

    public static bool IsOver(JsonElement element, int most = Most) => element.ValueKind switch
    {
        JsonValueKind.Object => most == 0 || element.EnumerateObject().Any(member => IsOver(member.Value, most - 1)),
        JsonValueKind.Array => most == 0 || element.EnumerateArray().Any(item => IsOver(item, most - 1)),
        _ => false,
    };
}
