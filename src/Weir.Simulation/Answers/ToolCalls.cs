using System.Text;
using System.Text.Json;

namespace Weir.Simulation.Answers;

/// <summary>
/// Which tools an answer calls. A prompt that says <c>call NAME with {…}</c>, or <c>call NAME</c>, of tools that it offers gets those
/// calls, in parallel where there are several; one that must use a tool gets its choice, or the first, with arguments made from the
/// schema. What has the results of its calls is answered with text.
/// </summary>
internal static class ToolCalls
{
    private const string Call = "call ";
    private const string With = " with ";

    /// <param name="text">The prompt.</param>
    /// <param name="tools">Those offered, by name, with the schemas of their arguments.</param>
    /// <param name="must">A tool must be used.</param>
    /// <param name="named">The tool that must be; null for any.</param>
    /// <param name="several">More than one call may be made.</param>
    public static IReadOnlyList<ToolCall> Of(string text, IReadOnlyList<(string Name, JsonElement Schema)> tools, bool must, string? named, bool several)
    {
        var calls = Asked(text, tools);
        if (named is not null)
            calls = calls.FindAll(call => call.Name == named);
        if (calls.Count == 0 && must && tools.Count > 0)
        {
            var tool = tools.FirstOrDefault(tool => tool.Name == named, tools[0]);
            calls = [new(tool.Name, SchemaSample.Arguments(tool.Schema))];
        }

        return several ? calls : calls.GetRange(0, Math.Min(1, calls.Count));
    }

    private static List<ToolCall> Asked(string text, IReadOnlyList<(string Name, JsonElement Schema)> tools)
    {
        var calls = new List<ToolCall>();
        for (var at = text.IndexOf(Call, StringComparison.OrdinalIgnoreCase); at >= 0; at = text.IndexOf(Call, at, StringComparison.OrdinalIgnoreCase))
        {
            at += Call.Length;
            var end = at;
            while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || text[end] is '_' or '-'))
                end++;
            var name = text[at..end];
            foreach (var tool in tools)
            {
                if (tool.Name != name)
                    continue;
                var arguments = text.AsSpan(end).StartsWith(With, StringComparison.Ordinal) ? ObjectAt(text[(end + With.Length)..]) : null;
                calls.Add(new(name, arguments ?? SchemaSample.Arguments(tool.Schema)));
                break;
            }
        }

        return calls;
    }

    /// <summary>The JSON object with which a text begins.</summary>
    private static string? ObjectAt(string text)
    {
        if (!text.StartsWith('{'))
            return null;
        var utf8 = Encoding.UTF8.GetBytes(text);
        try
        {
            var reader = new Utf8JsonReader(utf8, isFinalBlock: false, default);
            reader.Read();
            return reader.TrySkip() ? Encoding.UTF8.GetString(utf8.AsSpan(0, (int)reader.BytesConsumed)) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
