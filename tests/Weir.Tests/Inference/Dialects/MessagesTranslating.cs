using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference;
using Weir.Inference.Dialects;

namespace Weir.Tests.Inference.Dialects;

/// <summary>Drives the translation of messages to chats, and reads its streams as strictly as the dialect is defined.</summary>
internal static class MessagesTranslating
{
    private static readonly MessagesOverChat Translation = new();

    public static JsonObject Request(string body, string? preset = null)
    {
        var output = new ArrayBufferWriter<byte>();
        var error = Translation.TranslateRequest(Encoding.UTF8.GetBytes(body), Target(preset, drop: false), output);
        error.ShouldBeNull();
        return JsonNode.Parse(output.WrittenSpan)!.AsObject();
    }

    public static InferenceError Refusal(string body, string? preset = null) =>
        Translation.TranslateRequest(Encoding.UTF8.GetBytes(body), Target(preset, drop: false), new ArrayBufferWriter<byte>()).ShouldNotBeNull();

    public static (JsonObject Body, IReadOnlyList<string> Dropped) Dropping(string body, string? preset = null)
    {
        var output = new ArrayBufferWriter<byte>();
        var target = Target(preset, drop: true);
        Translation.TranslateRequest(Encoding.UTF8.GetBytes(body), target, output).ShouldBeNull();
        return (JsonNode.Parse(output.WrittenSpan)!.AsObject(), target.Dropped);
    }

    public static JsonObject Body(string answer, string request = "{}")
    {
        var output = new ArrayBufferWriter<byte>();
        Translation.BeginAnswer(Context(request, stream: false)).Body(Encoding.UTF8.GetBytes(answer), output);
        return Bare(JsonNode.Parse(output.WrittenSpan)!.AsObject());
    }

    /// <summary>The message that a stream adds up to.</summary>
    public static JsonObject Stream(IEnumerable<string> chunks, string request = "{}") => Assemble(Events(chunks, request));

    public static List<(string Name, JsonObject Data)> Events(IEnumerable<string> chunks, string request = "{}")
    {
        var sink = new Sink();
        var answer = Translation.BeginAnswer(Context(request, stream: true));
        foreach (var chunk in chunks)
            answer.Event(default, Encoding.UTF8.GetBytes(chunk), sink);
        answer.End(sink);
        return sink.Events;
    }

    public static JsonObject Assemble(List<(string Name, JsonObject Data)> events)
    {
        events[0].Name.ShouldBe("message_start");
        events[^2].Name.ShouldBe("message_delta");
        events[^1].Name.ShouldBe("message_stop");
        var message = events[0].Data["message"]!.DeepClone().AsObject();
        var content = message["content"]!.AsArray();
        JsonObject? open = null;
        var input = new StringBuilder();
        foreach (var (name, data) in events[1..^2])
        {
            ((string)data["type"]!).ShouldBe(name);
            ((int)data["index"]!).ShouldBe(content.Count - (open is null ? 0 : 1));
            switch (name)
            {
                case "content_block_start":
                    open.ShouldBeNull("two blocks are open at once");
                    open = data["content_block"]!.DeepClone().AsObject();
                    content.Add(open);
                    input.Clear();
                    break;
                case "content_block_delta":
                    Add(open.ShouldNotBeNull(), data["delta"]!.AsObject(), input);
                    break;
                case "content_block_stop":
                    if ((string)open.ShouldNotBeNull()["type"]! == "tool_use")
                        open["input"] = input.Length == 0 ? new JsonObject() : JsonNode.Parse(input.ToString());
                    open = null;
                    break;
                default:
                    throw new InvalidOperationException($"{name} has no place inside a stream.");
            }
        }

        open.ShouldBeNull();
        foreach (var (field, value) in events[^2].Data["delta"]!.AsObject())
            message[field] = value?.DeepClone();
        foreach (var (field, value) in events[^2].Data["usage"]!.AsObject())
            message["usage"]![field] = value?.DeepClone();
        return Bare(message);
    }

    /// <summary>The message without what says nothing, all of which official clients demand.</summary>
    public static JsonObject Bare(JsonObject message)
    {
        Demand(message, "container", "diagnostics", "stop_details", "stop_reason", "stop_sequence");
        Demand(
            message["usage"]!.AsObject(),
            "cache_creation", "cache_creation_input_tokens", "cache_read_input_tokens", "inference_geo", "input_tokens", "output_tokens", "output_tokens_details", "server_tool_use", "service_tier", "speed");
        foreach (var block in message["content"]!.AsArray().Select(block => block!.AsObject()))
        {
            Demand(block, (string)block["type"]! switch { "text" => ["citations"], "tool_use" => ["caller"], _ => [] });
            if (block.Remove("caller", out var caller))
                ((string)caller!["type"]!).ShouldBe("direct");
        }

        return message;
    }

    private static void Demand(JsonObject of, params string[] fields)
    {
        foreach (var field in fields)
        {
            of.ContainsKey(field).ShouldBeTrue(field);
            if (of[field] is null)
                of.Remove(field);
        }
    }

    private static void Add(JsonObject block, JsonObject delta, StringBuilder input)
    {
        var (type, field) = (string)delta["type"]! switch
        {
            "text_delta" => ("text", "text"),
            "thinking_delta" => ("thinking", "thinking"),
            "signature_delta" => ("thinking", "signature"),
            "input_json_delta" => ("tool_use", "partial_json"),
            var other => throw new InvalidOperationException($"{other} is no delta."),
        };
        ((string)block["type"]!).ShouldBe(type);
        if (field == "partial_json")
            input.Append((string)delta[field]!);
        else
            block[field] = (string)block[field]! + (string)delta[field]!;
    }

    private static TranslationTarget Target(string? preset, bool drop) => new("box/llama", "llama", 1000, drop) { Preset = preset };

    private static AnswerContext Context(string request, bool stream) =>
        new(Encoding.UTF8.GetBytes(request), "route", DateTimeOffset.UnixEpoch, stream, IncludeUsage: false);

    private sealed class Sink : IEventSink
    {
        public List<(string Name, JsonObject Data)> Events { get; } = [];

        public void Event(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
        {
            data.IndexOfAny((byte)'\n', (byte)'\r').ShouldBe(-1);
            Events.Add((Encoding.UTF8.GetString(name), JsonNode.Parse(data)!.AsObject()));
        }
    }
}
