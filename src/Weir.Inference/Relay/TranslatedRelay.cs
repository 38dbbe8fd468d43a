using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Weir.Inference.Attempts;
using Weir.Inference.Dialects;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Relay;

/// <summary>
/// Passes an answer on in the client's dialect: a stream event by event, as they come and flushed as they come; a body that was translated
/// before its head goes out. Usage and completeness are judged by what the provider sent.
/// </summary>
/// <param name="asked">What the provider was asked for.</param>
/// <param name="wanted">What the client asked for.</param>
/// <param name="target">Where the answer comes from.</param>
/// <param name="answer">Where it goes.</param>
/// <param name="clock">Bounds silences.</param>
internal sealed class TranslatedRelay(Operation asked, Operation wanted, DeploymentModel target, IAnswer answer, AttemptClock clock)
{
    private const int StreamRead = 4096;
    private const int LargestEvent = 4 * 1024 * 1024;

    private TokenUsage? _usage;
    private long _deltas;

    // Set by the event that ends the provider's stream.
    private RelayEnd? _end;
    private string? _said;

    private TokenUsage? UsageOrEstimate => TokenUsage.OrEstimate(_usage, _deltas);

    public async ValueTask<(RelayEnd End, TokenUsage? Usage)> RelayAsync(UpstreamAnswer upstream, AnswerTranslator translator, InferenceReport report)
    {
        var body = upstream.Translated;
        answer.Begin(new AnswerHead(upstream.Status, body is null ? "text/event-stream; charset=utf-8" : "application/json", body?.Written.Length, report)
        {
            Passed = PassedHeaders.Of(upstream),
        });
        return body is null ? await EventsAsync(upstream, translator).ConfigureAwait(false) : await BodyAsync(upstream, body.Written).ConfigureAwait(false);
    }

    private async ValueTask<(RelayEnd, TokenUsage?)> BodyAsync(UpstreamAnswer upstream, ReadOnlyMemory<byte> body)
    {
        var usage = TokenUsage.TryFind(upstream.Head.Span, out var found) ? found : (TokenUsage?)null;
        try
        {
            return ((await answer.Body.WriteAsync(body, clock.Token).ConfigureAwait(false)).IsCompleted ? RelayEnd.ClientGone : RelayEnd.Complete, usage);
        }
        catch (Exception fault) when (fault is IOException or OperationCanceledException)
        {
            return (RelayEnd.ClientGone, usage);
        }
    }

    private async ValueTask<(RelayEnd, TokenUsage?)> EventsAsync(UpstreamAnswer upstream, AnswerTranslator translator)
    {
        using var reader = new EventReader(LargestEvent);
        var sink = new EventSink(answer.Body);
        var end = RelayEnd.BrokenOff;
        try
        {
            reader.Append(upstream.Head.Span);
            while (true)
            {
                Translate(reader, translator, sink);
                if (sink.HasWritten && (await answer.Body.FlushAsync(clock.Token).ConfigureAwait(false)).IsCompleted)
                {
                    return (RelayEnd.ClientGone, UsageOrEstimate);
                }

                if (_end is not null)
                {
                    break;
                }

                sink.HasWritten = false;
                clock.ArmSilence(target.Provider.IdleTimeout);
                var count = await upstream.Rest.ReadAsync(reader.GetMemory(StreamRead), clock.Token).ConfigureAwait(false);
                clock.Disarm();
                if (count == 0)
                {
                    // The blank line after the last event is what some servers leave out.
                    reader.Append("\n\n"u8);
                    Translate(reader, translator, sink);
                    break;
                }

                reader.Advance(count);
            }

            if (_end == RelayEnd.Complete)
            {
                await DrainAsync(upstream).ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            end = AnswerRelay.EndOf(fault, clock);
        }
        catch (Exception fault) when (fault is JsonException or InvalidDataException)
        {
            _said ??= "what it sent is not what its dialect promises";
        }

        return (await EndAsync(_end ?? end).ConfigureAwait(false), UsageOrEstimate);
    }

    private void Translate(EventReader reader, AnswerTranslator translator, EventSink sink)
    {
        try
        {
            TranslateAll(reader, translator, sink);
        }
        catch (Exception fault) when (fault is InvalidOperationException or FormatException or KeyNotFoundException)
        {
            // JSON of another shape, or a string in it that is no text.
            throw new InvalidDataException("An event of the stream does not have the shape that its dialect promises.", fault);
        }
    }

    private void TranslateAll(EventReader reader, AnswerTranslator translator, EventSink sink)
    {
        while (_end is null && reader.TryRead())
        {
            var data = reader.Data.Span;
            _deltas += DeltaLength.Of(data);
            if (asked.StreamEnd == StreamEnd.Done ? data.SequenceEqual("[DONE]"u8) : reader.Name.SequenceEqual("message_stop"u8) || IsOfType("message_stop"u8, data))
            {
                // Only then is it complete: what has been put together may turn out to be no answer.
                translator.End(sink);
                _end = RelayEnd.Complete;
            }
            else if (reader.Name.SequenceEqual("error"u8) || FirstEvent.IsErrorData(data))
            {
                _end = RelayEnd.Failed;
                _said = FailureClassifier.Said(target.Provider, target.State.Key, data) ?? "it reported an error in its stream";
            }
            else if (!reader.Name.SequenceEqual("ping"u8))
            {
                if (data.IndexOf("\"usage\""u8) >= 0 && TokenUsage.TryFind(data, out var usage))
                {
                    _usage = asked.StreamEnd == StreamEnd.MessageStop ? TokenUsage.Latest(_usage, usage) : usage;
                }

                if (!Utf8.IsValid(data))
                {
                    throw new InvalidDataException("An event of the stream is not UTF-8.");
                }

                translator.Event(reader.Name, reader.Data, sink);
            }
        }
    }

    private static bool IsOfType(ReadOnlySpan<byte> type, ReadOnlySpan<byte> data) =>
        data.StartsWith("{\"type\":\""u8) && data[9..].StartsWith(type) && data.Length > 9 + type.Length && data[9 + type.Length] == (byte)'"';

    // What comes after the end is nobody's, but a connection that is read to its end can be used again.
    private async ValueTask DrainAsync(UpstreamAnswer upstream)
    {
        var rest = ArrayPool<byte>.Shared.Rent(StreamRead);
        try
        {
            clock.ArmSilence(AnswerRelay.Linger);
            while (await upstream.Rest.ReadAsync(rest, clock.Token).ConfigureAwait(false) > 0)
            {
            }

            clock.Disarm();
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            // The answer was whole by then.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rest);
        }
    }

    private async ValueTask<RelayEnd> EndAsync(RelayEnd end)
    {
        if (end is RelayEnd.Complete or RelayEnd.ClientGone)
        {
            return end;
        }

        try
        {
            var (code, message) = AnswerRelay.Explain(end, target.Provider.Name);
            var text = _said is null ? message : $"The answer of provider '{target.Provider.Name}' is not whole: {_said}";
            StreamError.Write(wanted, end == RelayEnd.Failed ? "stream_failed" : code, text, answer.Body);
            await answer.Body.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The client has left too: there is nobody to tell.
        }

        return end;
    }
}
