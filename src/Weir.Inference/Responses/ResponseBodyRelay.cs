using System.Buffers;
using Weir.Inference.Attempts;
using Weir.Inference.Relay;

namespace Weir.Inference.Responses;

/// <summary>Passes on the body of a response that does not stream, with its ids replaced.</summary>
internal static class ResponseBodyRelay
{
    private const int Read = 16 * 1024;

    public static async ValueTask<(RelayEnd End, TokenUsage? Usage)> RelayAsync(
        UpstreamAnswer upstream, ResponseIdRewriter ids, IAnswer answer, InferenceReport report, AttemptClock clock, TimeSpan idle)
    {
        ids.LookAtBody(upstream.Head.Span);
        var usage = TokenUsage.TryFind(upstream.Head.Span, out var found) ? found : (TokenUsage?)null;

        // The beginning goes through memory of our own, so that the length of a body that is here whole can be told.
        var head = new ArrayBufferWriter<byte>(upstream.Head.Length + 512);
        ids.Write(upstream.Head.Span, head);
        if (upstream.IsWhole)
        {
            ids.Flush(head);
        }

        // 204 has no body and may not announce the length of one.
        long? length = upstream.IsWhole && upstream.Status != 204 ? head.WrittenCount : null;
        answer.Begin(new AnswerHead(upstream.Status, upstream.ContentType, length, report)
        {
            Passed = PassedHeaders.Of(upstream),
        });
        try
        {
            var writer = answer.Body;
            writer.Write(head.WrittenSpan);
            while (!upstream.IsWhole)
            {
                if ((await writer.FlushAsync(clock.Token).ConfigureAwait(false)).IsCompleted)
                {
                    return (RelayEnd.ClientGone, usage);
                }

                var memory = ids.GetMemory(Read);
                clock.Arm(idle);
                var count = await upstream.Rest.ReadAsync(memory, clock.Token).ConfigureAwait(false);
                clock.Disarm();
                if (count == 0)
                {
                    ids.Flush(writer);
                    break;
                }

                usage = TokenUsage.TryFind(memory.Span[..count], out found) ? found : usage;
                ids.Write(memory.Span[..count], writer);
            }

            return ((await writer.FlushAsync(clock.Token).ConfigureAwait(false)).IsCompleted ? RelayEnd.ClientGone : RelayEnd.Complete, usage);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            var end = AnswerRelay.EndOf(fault, clock);
            if (end != RelayEnd.ClientGone)
            {
                answer.Abort();
            }

            return (end, usage);
        }
    }
}
