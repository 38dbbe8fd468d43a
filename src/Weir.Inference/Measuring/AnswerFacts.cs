using System.Text;

namespace Weir.Inference.Measuring;

/// <summary>What a span tells of an answer, found in its bytes without parsing it. Only where somebody traces.</summary>
internal static class AnswerFacts
{
    private const int LongestName = 200;

    // So many choices may a request ask for at the common providers.
    private const int MostReasons = 128;

    /// <summary>The model that answered, as it calls itself; null where it does not.</summary>
    public static string? ModelOf(ReadOnlySpan<byte> answer) => Next(ref answer, "\"model\""u8);

    /// <summary>Why each choice ended, in their order; null where none says so.</summary>
    public static string[]? FinishReasonsOf(ReadOnlySpan<byte> answer)
    {
        var reasons = new List<string>();
        var rest = answer;
        while (reasons.Count < MostReasons && Next(ref rest, "\"finish_reason\""u8) is { } reason) reasons.Add(reason);
        if (reasons.Count == 0 && Next(ref answer, "\"stop_reason\""u8) is { } stop) reasons.Add(stop);
        return reasons.Count == 0 ? null : [.. reasons];
    }

    // A quote within a string of JSON is escaped: what looks like a field is one.
    private static string? Next(ref ReadOnlySpan<byte> json, ReadOnlySpan<byte> field)
    {
        while (json.IndexOf(field) is var at and >= 0)
        {
            json = json[(at + field.Length)..];
            var value = json.TrimStart(" :\t\r\n"u8);
            if (value.IsEmpty || value[0] != (byte)'"') continue;

            value = value[1..];
            var end = value.IndexOf((byte)'"');
            if (end is > 0 and <= LongestName && !value[..end].ContainsAnyExceptInRange((byte)' ', (byte)'~') && !value[..end].Contains((byte)'\\')) return Encoding.ASCII.GetString(value[..end]);
        }

        return null;
    }
}
