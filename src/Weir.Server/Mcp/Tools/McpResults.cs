using System.Text;
using System.Text.Json;
using ModelContextProtocol.Protocol;
using Weir.Leases;
using Weir.Leases.Kinds;
using Weir.Server.Hosting;
using Weir.State.Texts;

namespace Weir.Server.Mcp.Tools;

/// <summary>Results of tools. A failure is marked as one, always.</summary>
internal static class McpResults
{
    // Of a reply; more is told as text.
    private const int MostLevels = 64;

    /// <param name="message">What was wrong and what to do.</param>
    public static CallToolResult Failed(string message) => new() { IsError = true, Content = [new TextContentBlock { Text = message }] };

    public static CallToolResult Failed(LeaseError error) => Failed(SentenceOf(error));

    /// <summary>An error as one sentence more: what a program needs beside what a model reads.</summary>
    public static string SentenceOf(LeaseError error)
    {
        var again = error.RetryAfter is { } wait ? $" Try again in {Math.Max(1, Math.Ceiling(wait.TotalSeconds)):0} s." : "";
        return $"{error.Message}{again} ({error.Code})";
    }

    /// <summary>The same twice: as text, for a model, and as it is, for a program.</summary>
    public static CallToolResult Structured<T>(T value, bool failed = false)
    {
        var json = JsonSerializer.SerializeToElement(value, WireJson.Options);
        return new CallToolResult { Content = [new TextContentBlock { Text = json.GetRawText() }], StructuredContent = json, IsError = failed ? true : null };
    }

    public static ContentBlock Image(ReadOnlyMemory<byte> image, string mimeType) => ImageContentBlock.FromBytes(image, mimeType);

    /// <summary>What the use of a resource gave.</summary>
    public static CallToolResult Of(KindReply reply)
    {
        if (reply.Error is { } error) return Failed(error);
        var type = reply.ContentType.AsSpan();
        var mime = type[..(type.IndexOf(';') is var end and >= 0 ? end : type.Length)].Trim().ToString();
        if (mime.StartsWith("image/", StringComparison.OrdinalIgnoreCase)) return new CallToolResult { Content = [Image(reply.Body, mime)] };
        if (reply.Body.IsEmpty) return new CallToolResult { Content = [new TextContentBlock { Text = "Done." }] };
        var isJson = mime.Equals("application/json", StringComparison.OrdinalIgnoreCase) || mime.EndsWith("+json", StringComparison.OrdinalIgnoreCase);
        if (isJson && ForeignJson.Read(reply.Body.Span, MostLevels) is { Value: { } json })
        {
            return new CallToolResult
            {
                Content = [new TextContentBlock { Text = json.GetRawText() }],
                StructuredContent = json.ValueKind == JsonValueKind.Object && IsShallow(json) ? json : null,
            };
        }

        if (isJson || mime.StartsWith("text/", StringComparison.OrdinalIgnoreCase)) return new CallToolResult { Content = [new TextContentBlock { Text = Encoding.UTF8.GetString(reply.Body.Span) }] };
        return new CallToolResult { Content = [new TextContentBlock { Text = $"{reply.Body.Length} bytes of {mime}; read them at the resource's base_url." }] };
    }

    /// <summary>Whether a value can stand in a message, which may be 64 deep in all.</summary>
    public static bool IsShallow(JsonElement value, int levels = 48) => value.ValueKind switch
    {
        JsonValueKind.Object => levels > 0 && value.EnumerateObject().All(member => IsShallow(member.Value, levels - 1)),
        JsonValueKind.Array => levels > 0 && value.EnumerateArray().All(one => IsShallow(one, levels - 1)),
        _ => true,
    };
}
