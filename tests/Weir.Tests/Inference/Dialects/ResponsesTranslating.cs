using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Inference;
using Weir.Inference.Dialects;

namespace Weir.Tests.Inference.Dialects;

/// <summary>The Responses API over chat, without a gateway around it.</summary>
internal static class ResponsesTranslating
{
    public static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);

    public static (JsonNode? Chat, InferenceError? Error, IReadOnlyList<string> Dropped) Request(string body, bool dropParams = false, string? preset = null)
    {
        var target = new TranslationTarget("box/llama", "llama", TranslationTarget.DefaultMaxOutput, dropParams) { Preset = preset };
        var output = new ArrayBufferWriter<byte>();
        var error = new ResponsesOverChat().TranslateRequest(Encoding.UTF8.GetBytes(body), target, output);
        return (error is null ? JsonNode.Parse(output.WrittenSpan) : null, error, target.Dropped);
    }

    /// <summary>The messages that an input becomes.</summary>
    public static string Messages(string input, string? preset = null)
    {
        var (chat, error, _) = Request($$"""{"model":"fast","input":{{input}}}""", preset: preset);
        error.ShouldBeNull();
        return chat!["messages"]!.ToJsonString();
    }

    public static JsonNode Answer(string chat, string request = """{"model":"fast","input":"hi"}""")
    {
        var output = new ArrayBufferWriter<byte>();
        Begin(request, stream: false).Body(Encoding.UTF8.GetBytes(chat), output);
        return JsonNode.Parse(output.WrittenSpan)!;
    }

    /// <summary>The events that a chat's stream becomes, each checked against its name and its number.</summary>
    public static List<JsonNode> Stream(IEnumerable<string> chunks, string request = """{"model":"fast","input":"hi","stream":true}""")
    {
        var sink = new Sink();
        var translator = Begin(request, stream: true);
        foreach (var chunk in chunks)
        {
            translator.Event([], Encoding.UTF8.GetBytes(chunk), sink);
        }

        translator.End(sink);
        return sink.Events;
    }

    /// <summary>What an official client has at the end, which it puts together from the events alone.</summary>
    public static JsonNode Accumulate(List<JsonNode> events)
    {
        var response = events[0]["response"]!.DeepClone();
        var output = response["output"]!.AsArray();
        foreach (var e in events.Skip(1))
        {
            var item = e["output_index"] is { } index && (string)e["type"]! != "response.output_item.added" ? output[(int)index] : null;
            item?["id"]!.ToString().ShouldBe((e["item_id"] ?? e["item"]!["id"])!.ToString());
            switch ((string)e["type"]!)
            {
                case "response.output_item.added":
                    ((int)e["output_index"]!).ShouldBe(output.Count);
                    output.Add(e["item"]!.DeepClone());
                    break;
                case "response.output_item.done":
                    item!["status"] = e["item"]!["status"]!.DeepClone();
                    if (e["item"]!["encrypted_content"] is { } sealedText)
                    {
                        item["encrypted_content"] = sealedText.DeepClone();
                    }

                    JsonNode.DeepEquals(item, e["item"]).ShouldBeTrue($"{item.ToJsonString()} is not {e["item"]!.ToJsonString()}");
                    break;
                case "response.content_part.added":
                    ((int)e["content_index"]!).ShouldBe(item!["content"]!.AsArray().Count);
                    item["content"]!.AsArray().Add(e["part"]!.DeepClone());
                    break;
                case "response.reasoning_summary_part.added":
                    item!["summary"]!.AsArray().Add(e["part"]!.DeepClone());
                    break;
                case "response.output_text.delta" or "response.reasoning_text.delta":
                    Append(item!["content"]![(int)e["content_index"]!]!, "text", e);
                    break;
                case "response.refusal.delta":
                    Append(item!["content"]![(int)e["content_index"]!]!, "refusal", e);
                    break;
                case "response.reasoning_summary_text.delta":
                    Append(item!["summary"]![(int)e["summary_index"]!]!, "text", e);
                    break;
                case "response.function_call_arguments.delta":
                    Append(item!, "arguments", e);
                    break;
                case "response.function_call_arguments.done":
                    item!["arguments"] = e["arguments"]!.DeepClone();
                    break;
                case "response.output_text.done" or "response.reasoning_text.done":
                    ((string)item!["content"]![(int)e["content_index"]!]!["text"]!).ShouldBe((string)e["text"]!);
                    break;
                case "response.reasoning_summary_text.done":
                    ((string)item!["summary"]![0]!["text"]!).ShouldBe((string)e["text"]!);
                    break;
                case "response.refusal.done":
                    ((string)item!["content"]![(int)e["content_index"]!]!["refusal"]!).ShouldBe((string)e["refusal"]!);
                    break;
                case "response.content_part.done":
                    JsonNode.DeepEquals(item!["content"]![(int)e["content_index"]!], e["part"]).ShouldBeTrue();
                    break;
                case "response.reasoning_summary_part.done":
                    JsonNode.DeepEquals(item!["summary"]![(int)e["summary_index"]!], e["part"]).ShouldBeTrue();
                    break;
                case "response.in_progress":
                    break;
                case "response.completed" or "response.incomplete" or "response.failed":
                    e.ShouldBeSameAs(events[^1]);
                    JsonNode.DeepEquals(output, e["response"]!["output"]).ShouldBeTrue($"{output.ToJsonString()} is not {e["response"]!["output"]!.ToJsonString()}");
                    return e["response"]!;
                case var type:
                    throw new InvalidOperationException($"No client knows {type}.");
            }
        }

        throw new InvalidOperationException("The stream has no end.");
    }

    private static void Append(JsonNode part, string name, JsonNode e) => part[name] = (string)part[name]! + (string)e["delta"]!;

    private static AnswerTranslator Begin(string request, bool stream) =>
        new ResponsesOverChat(() => "0").BeginAnswer(new AnswerContext(Encoding.UTF8.GetBytes(request), "fast", Now, stream, IncludeUsage: false));

    private sealed class Sink : IEventSink
    {
        public List<JsonNode> Events { get; } = [];

        public void Event(ReadOnlySpan<byte> name, ReadOnlySpan<byte> data)
        {
            var e = JsonNode.Parse(data)!;
            data.Contains((byte)'\n').ShouldBeFalse();
            ((string)e["type"]!).ShouldBe(Encoding.UTF8.GetString(name));
            ((int)e["sequence_number"]!).ShouldBe(Events.Count);
            Events.Add(e);
        }
    }
}
