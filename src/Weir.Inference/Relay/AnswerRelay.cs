using System.Buffers;
using System.IO.Pipelines;
using Weir.Inference.Attempts;
using Weir.Inference.Requests;
using Weir.Inference.Responses;

namespace Weir.Inference.Relay;

/// <summary>How a relayed answer ended.</summary>
internal enum RelayEnd
{
    /// <summary>All of it went to the client.</summary>
    Complete,

    /// <summary>The client left; the provider's work is cancelled with it.</summary>
    ClientGone,

    /// <summary>The provider's connection ended before its answer did.</summary>
    BrokenOff,

    /// <summary>The provider kept silent for longer than its idle timeout.</summary>
    Silent,

    /// <summary>The provider said in its stream that it failed, and the client has been told.</summary>
    Failed,
}

/// <summary>
/// Passes an answer on as it comes and flushes as it comes. A stream goes out in whole lines, so that one that breaks off can
/// be ended by an error event which a client can read, never by half an event.
/// </summary>
internal static class AnswerRelay
{
    private const int StreamRead = 4096;
    private const int BodyRead = 16 * 1024;
    private const int LongestHeldLine = 64 * 1024;

    /// <summary>The end of the body normally comes with the last event; a provider that keeps the connection open keeps nobody waiting.</summary>
    public static readonly TimeSpan Linger = TimeSpan.FromSeconds(2);

    public static ValueTask<(RelayEnd End, TokenUsage? Usage)> RelayAsync(
        UpstreamAnswer upstream, Operation operation, ResponseIdRewriter? ids, UsageChunkFilter? counts, IAnswer answer, InferenceReport report, AttemptClock clock, TimeSpan idle, string provider)
    {
        if (ids is not null && !upstream.IsStream)
        {
            return ResponseBodyRelay.RelayAsync(upstream, ids, answer, report, clock, idle);
        }

        answer.Begin(new AnswerHead(upstream.Status, PassedHeaders.ContentType(upstream), LengthOf(upstream), report)
        {
            Passed = PassedHeaders.Of(upstream),
        });
        return upstream.IsStream && !upstream.IsPacked
            ? RelayEventsAsync(upstream, operation, ids, counts, answer, clock, idle, provider)
            : RelayBodyAsync(upstream, answer, clock, idle);
    }

    private static long? LengthOf(UpstreamAnswer upstream) =>
        upstream.IsStream ? null : upstream.IsWhole ? upstream.Head.Length : upstream.ContentLength;

    private static async ValueTask<(RelayEnd, TokenUsage?)> RelayBodyAsync(UpstreamAnswer upstream, IAnswer answer, AttemptClock clock, TimeSpan idle)
    {
        var usage = upstream.IsWhole && !upstream.IsPacked && TokenUsage.TryFind(upstream.Head.Span, out var found) ? found : (TokenUsage?)null;
        try
        {
            var writer = answer.Body;
            writer.Write(upstream.Head.Span);
            while (!upstream.IsWhole)
            {
                if ((await writer.FlushAsync(clock.Token).ConfigureAwait(false)).IsCompleted)
                {
                    return (RelayEnd.ClientGone, usage);
                }

                var memory = writer.GetMemory(BodyRead);
                clock.Arm(idle);
                var count = await upstream.Rest.ReadAsync(memory, clock.Token).ConfigureAwait(false);
                clock.Disarm();
                if (count == 0)
                {
                    break;
                }

                // Providers count at the end of a body: the last piece that holds a whole count wins.
                usage = !upstream.IsPacked && TokenUsage.TryFind(memory.Span[..count], out found) ? found : usage;
                writer.Advance(count);
            }

            return ((await writer.FlushAsync(clock.Token).ConfigureAwait(false)).IsCompleted ? RelayEnd.ClientGone : RelayEnd.Complete, usage);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            var end = EndOf(fault, clock);
            if (end != RelayEnd.ClientGone)
            {
                answer.Abort();
            }

            return (end, usage);
        }
    }

    private static async ValueTask<(RelayEnd, TokenUsage?)> RelayEventsAsync(
        UpstreamAnswer upstream, Operation operation, ResponseIdRewriter? ids, UsageChunkFilter? counts, IAnswer answer, AttemptClock clock, TimeSpan idle, string provider)
    {
        var scanner = new EventScanner(operation.StreamEnd);
        var writer = answer.Body;
        // Lines are put together here and not in the writer's memory: a server that sends chunks may give less than it is asked for.
        var buffer = ArrayPool<byte>.Shared.Rent(Math.Max(StreamRead, upstream.Head.Length));
        var count = upstream.Head.Length;
        upstream.Head.CopyTo(buffer);
        var holds = 0;
        var end = RelayEnd.BrokenOff;
        try
        {
            while (true)
            {
                var all = holds + count;
                var whole = count == 0 ? LastLine(buffer.AsSpan(0, all), scanner) : WholeLines(buffer.AsSpan(0, all));
                scanner.Scan(buffer.AsSpan(0, whole));
                if (whole > 0)
                {
                    Write(buffer.AsSpan(0, whole), ids, counts, writer);
                    var flushing = writer.FlushAsync(clock.Token);
                    if (!flushing.IsCompleted)
                    {
                        // A client that is slow to read is no provider that is silent.
                        clock.Disarm();
                    }

                    if ((await flushing.ConfigureAwait(false)).IsCompleted)
                    {
                        return (RelayEnd.ClientGone, scanner.UsageOrEstimate);
                    }
                }

                if (count == 0)
                {
                    break;
                }

                buffer.AsSpan(whole, all - whole).CopyTo(buffer);
                holds = all - whole;
                if (holds == buffer.Length)
                {
                    var larger = ArrayPool<byte>.Shared.Rent(holds * 2);
                    buffer.CopyTo(larger, 0);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }

                clock.ArmSilence(scanner.IsComplete ? Linger : idle);
                count = await upstream.Rest.ReadAsync(buffer.AsMemory(holds), clock.Token).ConfigureAwait(false);
            }
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            end = EndOf(fault, clock);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        if (end == RelayEnd.ClientGone)
        {
            return (end, scanner.UsageOrEstimate);
        }

        // A stream of an operation that has no terminator of its own ends with its connection.
        if (scanner.IsComplete || operation.StreamEnd == StreamEnd.None)
        {
            return (scanner.HasFailed ? RelayEnd.Failed : RelayEnd.Complete, scanner.UsageOrEstimate);
        }

        await WriteErrorAsync(answer, scanner.AtEventBorder, end, operation, provider).ConfigureAwait(false);
        return (end, scanner.UsageOrEstimate);
    }

    private static void Write(ReadOnlySpan<byte> lines, ResponseIdRewriter? ids, UsageChunkFilter? counts, PipeWriter writer)
    {
        if (ids is not null)
        {
            ids.LookAtEvents(lines);
            ids.Write(lines, writer);
        }
        else if (counts is not null)
        {
            counts.Write(lines, writer);
        }
        else
        {
            writer.Write(lines);
        }
    }

    // Up to and with the last line break; a line that is longer than any event should be is no longer held back.
    private static int WholeLines(ReadOnlySpan<byte> bytes)
    {
        var newline = bytes.LastIndexOf((byte)'\n');
        return newline < 0 && bytes.Length > LongestHeldLine ? bytes.Length : newline + 1;
    }

    // At the end of a stream what is held goes out only if it is the terminator, whose line break some servers leave out.
    private static int LastLine(ReadOnlySpan<byte> held, EventScanner scanner)
    {
        scanner.Scan(held);
        return scanner.IsComplete ? held.Length : 0;
    }

    private static async ValueTask WriteErrorAsync(IAnswer answer, bool atEventBorder, RelayEnd end, Operation operation, string provider)
    {
        try
        {
            if (!atEventBorder)
            {
                answer.Body.Write("\n"u8);
            }

            var (code, message) = Explain(end, provider);
            StreamError.Write(operation, code, message, answer.Body);
            await answer.Body.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or OperationCanceledException or InvalidOperationException)
        {
            // The client has left too: there is nobody to tell.
        }
    }

    /// <summary>What a client is told of a stream that is not whole.</summary>
    public static (string Code, string Message) Explain(RelayEnd end, string provider) => end == RelayEnd.Silent
        ? ("stream_silent", $"Provider '{provider}' kept silent for too long: the answer is not whole.")
        : ("stream_broken", $"Provider '{provider}' ended its stream before the answer was complete: the answer is not whole.");

    public static RelayEnd EndOf(Exception fault, AttemptClock clock) =>
        !clock.Token.IsCancellationRequested ? (fault is OperationCanceledException ? RelayEnd.ClientGone : RelayEnd.BrokenOff)
        : clock.Cause == FailureClass.Cancelled ? RelayEnd.ClientGone
        : RelayEnd.Silent;
}
