using ModelContextProtocol.Protocol;
using Weir.Server.Mcp.Tools;

#pragma warning disable MCP9006 // As in McpEvents: a stream that is cut on purpose is how the suite tries whether it can be resumed.

namespace Weir.Server.Mcp.Fixtures;

/// <summary>Tools that answer by themselves.</summary>
internal static class FixtureTools
{
    /// <summary>A PNG of one red pixel.</summary>
    public static readonly byte[] Pixel = Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==");

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public static IEnumerable<McpTool> All()
    {
        yield return Plain("test_simple_text", "Answers a text.", Text("This is a simple text response for testing."));
        yield return Plain("test_image_content", "Answers an image.", ImageContentBlock.FromBytes(Pixel, "image/png"));
        yield return Plain("test_audio_content", "Answers a sound.", AudioContentBlock.FromBytes(Silence(), "audio/wav"));
        yield return Plain("test_embedded_resource", "Answers a resource.", Embedded("test://embedded-resource", "text/plain", "This is an embedded resource content."));
        yield return Plain(
            "test_multiple_content_types", "Answers a text, an image and a resource.",
            Text("Multiple content types test:"), ImageContentBlock.FromBytes(Pixel, "image/png"), Embedded("test://mixed-content-resource", "application/json", """{"test":"data","value":123}"""));
        yield return new FixtureTool("test_error_handling", "Fails.", FixtureTool.NoArguments, (_, _) => Task.FromResult(McpResults.Failed("This tool intentionally returns an error for testing")));
        yield return new FixtureTool("test_tool_with_progress", "Tells how it goes.", FixtureTool.NoArguments, ProgressAsync);
        yield return new FixtureTool("test_reconnection", "Cuts its own stream before it answers.", FixtureTool.NoArguments, ReconnectAsync);
        yield return new FixtureTool(
            "json_schema_2020_12_tool", "Has a schema in the words of JSON Schema 2020-12.",
            """
            { "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": false,
              "$defs": { "address": { "type": "object", "properties": { "street": { "type": "string" }, "city": { "type": "string" } } } },
              "properties": { "name": { "type": "string" }, "address": { "$ref": "#/$defs/address" } } }
            """,
            (_, _) => Task.FromResult(Result(Text("The arguments fit the schema."))));
    }

    public static CallToolResult Result(params ContentBlock[] content) => new() { Content = content };

    public static TextContentBlock Text(string text) => new() { Text = text };

    public static EmbeddedResourceBlock Embedded(string uri, string mimeType, string text) => new() { Resource = new TextResourceContents { Uri = uri, MimeType = mimeType, Text = text } };

    private static FixtureTool Plain(string name, string description, params ContentBlock[] content) =>
        new(name, description, FixtureTool.NoArguments, (_, _) => Task.FromResult(Result(content)));

    private static async Task<CallToolResult> ProgressAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        for (var done = 0; done <= 100; done += 50)
        {
            if (done > 0) await Task.Delay(Pause, call.Time, cancellationToken);
            await call.ReportAsync(done, 100, $"{done} of 100", cancellationToken);
        }

        return Result(Text("It went from 0 to 100."));
    }

    private static async Task<CallToolResult> ReconnectAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        await call.Request.EnablePollingAsync(TimeSpan.FromMilliseconds(500), cancellationToken);
        await Task.Delay(2 * Pause, call.Time, cancellationToken);
        return Result(Text("The answer came after the stream was cut."));
    }

    /// <summary>A WAV of 8 kHz with 80 samples of nothing.</summary>
    private static byte[] Silence()
    {
        const int Samples = 80;
        using var wav = new MemoryStream();
        using var writer = new BinaryWriter(wav);
        writer.Write("RIFF"u8);
        writer.Write(36 + Samples);
        writer.Write("WAVEfmt "u8);
        writer.Write(16);
        writer.Write((short)1);
        writer.Write((short)1);
        writer.Write(8000);
        writer.Write(8000);
        writer.Write((short)1);
        writer.Write((short)8);
        writer.Write("data"u8);
        writer.Write(Samples);
        writer.Write(Enumerable.Repeat((byte)128, Samples).ToArray());
        return wav.ToArray();
    }
}
