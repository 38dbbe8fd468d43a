using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;

namespace Weir.Inference.Dialects;

/// <summary>A chat's answer as Anthropic's clients expect it.</summary>
internal sealed class MessagesAnswer(AnswerContext context) : AnswerTranslator
{
    private MessagesEvents? _events;
    private MessagesStream? _stream;
    private MessagesUsage _usage;
    private string? _finish;
    private string? _sequence;
    private bool _refuses;

    public override void Body(ReadOnlyMemory<byte> body, IBufferWriter<byte> output)
    {
        using var document = JsonDocument.Parse(body, DialectJson.Reading);
        try
        {
            using var json = new Utf8JsonWriter(output, DialectJson.Writing);
            WriteBody(json, document.RootElement);
        }
        catch (InvalidOperationException fault)
        {
            throw NoText(fault);
        }
    }

    public override void Event(ReadOnlySpan<byte> name, ReadOnlyMemory<byte> data, IEventSink output)
    {
        if (data.Span.SequenceEqual("[DONE]"u8))
            return;
        using var document = JsonDocument.Parse(data, DialectJson.Reading);
        try
        {
            Chunk(document.RootElement, output);
        }
        catch (InvalidOperationException fault)
        {
            throw NoText(fault);
        }
    }

    public override void End(IEventSink output)
    {
        var stream = Start(default, output);
        stream.Finish();
        _events!.MessageDelta(MessagesStop.Reason(_finish, stream.HasCalls, _refuses, _sequence is not null), _sequence, _usage);
        _events.MessageStop();
    }

    /// <summary>The provider's id under Anthropic's prefix; one of our own where it gave none.</summary>
    private static string IdOf(JsonElement answer)
    {
        var id = answer.TextOf("id"u8) ?? "";
        if (id.StartsWith("chatcmpl-", StringComparison.Ordinal))
            id = id["chatcmpl-".Length..];
        return "msg_" + (id.Length > 0 ? id : Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12)));
    }

    private static InvalidDataException NoText(InvalidOperationException fault) => new("The provider's answer is not what its dialect promises.", fault);

    private static JsonElement? Choice(JsonElement answer)
    {
        if (answer.ValueKind != JsonValueKind.Object || !answer.TryGetProperty("choices"u8, out var choices) || choices.ValueKind != JsonValueKind.Array)
            return null;
        foreach (var choice in choices.EnumerateArray())
        {
            if (choice.ValueKind == JsonValueKind.Object && (!choice.TryGetProperty("index"u8, out var index) || index.ValueKind != JsonValueKind.Number || (index.TryGetInt32(out var number) && number == 0)))
                return choice;
        }

        return null;
    }

    private void WriteBody(Utf8JsonWriter json, JsonElement answer)
    {
        if (Choice(answer) is not { } choice || choice.Find("message"u8) is not { ValueKind: JsonValueKind.Object } message)
            throw new InvalidDataException("The provider's answer has no message.");

        var id = IdOf(answer);
        json.WriteStartObject();
        MessagesShapes.Head(json, id, context.Model);
        json.WriteStartArray("content"u8);
        var calls = MessagesContent.Write(json, message, id, RestoreName, out var refuses);
        json.WriteEndArray();
        var sequence = StopSequence(choice);
        MessagesShapes.Stop(json, MessagesStop.Reason(choice.TextOf("finish_reason"u8), calls > 0, refuses, sequence is not null), sequence);
        (MessagesUsage.Find(answer) ?? default).Write(json);
        json.WriteEndObject();
    }

    private void Chunk(JsonElement chunk, IEventSink output)
    {
        if (chunk.ValueKind != JsonValueKind.Object)
            throw new InvalidDataException("The provider's stream holds an event that is no object.");
        if (MessagesUsage.Find(chunk) is { } usage)
            _usage = usage;
        if (Choice(chunk) is not { } choice)
            return;

        var stream = Start(chunk, output);
        if (choice.TextOf("finish_reason"u8) is { Length: > 0 } finish)
        {
            _finish = finish;
            _sequence = StopSequence(choice);
        }

        // A server that does not stream after all sends a whole message.
        if ((choice.Find("delta"u8) ?? choice.Find("message"u8)) is { ValueKind: JsonValueKind.Object } delta)
            _refuses |= MessagesContent.Feed(stream, delta);
    }

    private MessagesStream Start(JsonElement chunk, IEventSink output)
    {
        if (_stream is null)
        {
            var id = IdOf(chunk);
            _events = new MessagesEvents();
            _stream = new MessagesStream(_events, id, RestoreName);
            _events.To(output);
            _events.MessageStart(id, context.Model, _usage);
        }

        _events!.To(output);
        return _stream;
    }

    /// <summary>
    /// The stop sequence that ended the answer, where the provider tells it: vLLM as <c>stop_reason</c>, SGLang as <c>matched_stop</c>. Both
    /// may hold other things, so that only what the client asked for counts.
    /// </summary>
    private string? StopSequence(JsonElement choice)
    {
        if ((choice.TextOf("stop_reason"u8) ?? choice.TextOf("matched_stop"u8)) is not { Length: > 0 } told)
            return null;
        using var request = JsonDocument.Parse(context.Request, DialectJson.Reading);
        return request.RootElement.Items("stop_sequences"u8).Any(sequence => sequence.ValueKind == JsonValueKind.String && sequence.ValueEquals(told)) ? told : null;
    }

    private string RestoreName(string name) => MessagesToolNames.Restore(name, context.Request);
}
