using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;

namespace Weir.State.Texts;

/// <summary>Why a stranger's JSON is not taken.</summary>
public enum JsonFaultSort
{
    /// <summary>It is no JSON, or more than one.</summary>
    Malformed,

    /// <summary>It has more levels than may be kept.</summary>
    TooDeep,

    /// <summary>A name or a text in it cannot be written again.</summary>
    NoText,
}

/// <summary>What is wrong with a stranger's JSON.</summary>
/// <param name="Sort">Which of it.</param>
/// <param name="Path">Where from the top, such as <c>config.a[2]</c>. Empty: the value itself, or it is not known.</param>
/// <param name="Message">What follows the name of the place in a sentence, without a full stop: <c>holds half of …</c>.</param>
public sealed record JsonFault(JsonFaultSort Sort, string Path, string Message)
{
    /// <param name="what">What the JSON is, as a sentence begins with it: <c>The body</c>.</param>
    public string SentenceOf(string what) => $"{what}{(Path.Length == 0 ? "" : $", at {Path},")} {Message}.";
}

/// <summary>
/// JSON that clients and endpoints write is judged once, when it comes in, so that whatever is kept of it can be written again. Well-formed JSON may be neither
/// text (an escape may be half of a surrogate pair, a byte no UTF-8) nor have an end to its levels, and both show only when it is read as text or written.
/// </summary>
public static class ForeignJson
{
    /// <summary>What a text is said to hold that is none.</summary>
    public const string HalfPair = "holds half of a surrogate pair, which is no text: send whole characters";

    private const string NoUtf8 = "holds bytes that are not UTF-8, which is no text";
    private const int LongestName = 64;

    /// <summary>Reads one JSON value.</summary>
    /// <param name="json">UTF-8, after a byte order mark perhaps. It may be used for something else afterwards.</param>
    /// <param name="mostLevels">The most arrays and objects within each other, itself included: 1 and more.</param>
    /// <returns>The value, or what is wrong with it; exactly one is null.</returns>
    public static (JsonElement? Value, JsonFault? Fault) Read(ReadOnlySpan<byte> json, int mostLevels)
    {
        JsonElement value;
        try
        {
            value = JsonElement.Parse(json.StartsWith("\uFEFF"u8) ? json[3..] : json, new JsonDocumentOptions { MaxDepth = mostLevels });
        }
        catch (JsonException fault)
        {
            return (null, IsTooDeep(fault) ? TooDeep(mostLevels) : new JsonFault(JsonFaultSort.Malformed, "", $"is not JSON: line {fault.LineNumber + 1}, byte {fault.BytePositionInLine + 1}"));
        }

        return FaultOf(value) is { } broken ? (null, broken) : (value, null);
    }

    /// <summary>The first name or text that is none.</summary>
    /// <returns>Null: all of it can be written again.</returns>
    public static JsonFault? FaultOf(JsonElement value) =>
        value.ValueKind != JsonValueKind.Undefined && MayBeNoText(JsonMarshal.GetRawUtf8Value(value)) ? Look(value, "") : null;

    /// <summary>The same, and whether it has too many levels.</summary>
    /// <param name="value">What is to be kept.</param>
    /// <param name="mostLevels">As in <see cref="Read"/>.</param>
    public static JsonFault? FaultOf(JsonElement value, int mostLevels) => IsDeeper(value, mostLevels) ? TooDeep(mostLevels) : FaultOf(value);

    /// <summary>The same of a member of an object: of its name, and of its value, whose path begins with the name.</summary>
    public static JsonFault? FaultOf(JsonProperty member) => Look(member, "");

    /// <summary>Whether all of it must be looked at: an escape of a surrogate stands in it, of a whole pair perhaps, or a byte that is no UTF-8.</summary>
    public static bool MayBeNoText(ReadOnlySpan<byte> json)
    {
        for (var rest = json; rest.IndexOf("\\u"u8) is var at and >= 0; rest = rest[(at + 2)..])
        {
            // U+D800 to U+DFFF.
            if (at + 3 < rest.Length && (rest[at + 2] | 0x20) == 'd' && (rest[at + 3] | 0x20) is '8' or '9' or (>= 'a' and <= 'f'))
                return true;
        }

        return !Utf8.IsValid(json);
    }

    /// <summary>Whether a reader stopped at its bound of levels. It has no other sign of it than its message.</summary>
    public static bool IsTooDeep(JsonException fault) => fault.Message.Contains("maximum configured depth", StringComparison.Ordinal);

    /// <summary>What a serializer's exception says of a text that is none, which it met itself. It has no other sign of it than its message.</summary>
    /// <returns>As in <see cref="JsonFault.Message"/>. Null: it says something else.</returns>
    public static string? NoTextOf(JsonException fault) => fault.InnerException is InvalidOperationException { Message: var said } && said.Contains("UTF-16", StringComparison.Ordinal)
        ? said.Contains("UTF-8", StringComparison.Ordinal) ? NoUtf8 : HalfPair
        : null;

    /// <param name="value">Whatever it is.</param>
    /// <param name="mostLevels">0 and more: of a number or a text there are none.</param>
    public static bool IsDeeper(JsonElement value, int mostLevels) => value.ValueKind switch
    {
        JsonValueKind.Object => mostLevels == 0 || value.EnumerateObject().Any(member => IsDeeper(member.Value, mostLevels - 1)),
        JsonValueKind.Array => mostLevels == 0 || value.EnumerateArray().Any(item => IsDeeper(item, mostLevels - 1)),
        _ => false,
    };

    /// <summary>For readers of their own.</summary>
    /// <param name="mostLevels">As in <see cref="Read"/>.</param>
    /// <param name="path">Empty: it is not known.</param>
    public static JsonFault TooDeep(int mostLevels, string path = "") => new(JsonFaultSort.TooDeep, path, $"is nested too deeply: at most {mostLevels} levels are taken");

    private static JsonFault? Look(JsonElement value, string path)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                return TextOf(value) is null ? new JsonFault(JsonFaultSort.NoText, path, Why(JsonMarshal.GetRawUtf8Value(value))) : null;
            case JsonValueKind.Array:
                var index = 0;
                foreach (var item in value.EnumerateArray())
                {
                    if (Look(item, $"{path}[{index++}]") is { } inItem)
                        return inItem;
                }

                return null;
            case JsonValueKind.Object:
                foreach (var member in value.EnumerateObject())
                {
                    if (Look(member, path) is { } inMember)
                        return inMember;
                }

                return null;
            default:
                return null;
        }
    }

    private static JsonFault? Look(JsonProperty member, string path)
    {
        if (NameOf(member) is not { } name)
            return new JsonFault(JsonFaultSort.NoText, path, "has a field whose name " + Why(JsonMarshal.GetRawUtf8PropertyName(member)));
        var shown = name.Length <= LongestName ? name : name[..LongestName] + "…";
        return Look(member.Value, path.Length == 0 ? shown : $"{path}.{shown}");
    }

    private static string Why(ReadOnlySpan<byte> raw) => Utf8.IsValid(raw) ? HalfPair : NoUtf8;

    private static string? TextOf(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    private static string? NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
