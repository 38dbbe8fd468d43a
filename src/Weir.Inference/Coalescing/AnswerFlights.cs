using Weir.Inference.Attempts;
using Weir.Inference.Caching;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Coalescing;

/// <summary>One request that may be joined with others.</summary>
/// <param name="Key">What it is the same by.</param>
/// <param name="KeepFor">The key under which its answer is to be cached; null: it is not.</param>
internal readonly record struct FlightTicket(AnswerKey Key, AnswerKey? KeepFor);

/// <summary>The work behind a request: writes an answer, or gives the error that is one.</summary>
internal delegate ValueTask<InferenceError?> Work(IAnswer answer, InferenceReport report, CancellationToken abandoned);

/// <summary>
/// Requests that ask for the same at the same time share one piece of work, and follow its answer as it comes. An error reaches all who
/// wait; only what came of the first one's own deadline or place in the queue is no reason for others, who then try for themselves.
/// </summary>
internal sealed class AnswerFlights(AnswerCache cache, TimeProvider time)
{
    private readonly Lock _sync = new();
    private readonly Dictionary<AnswerKey, Flight> _flights = [];

    /// <summary>Pieces of work under way that can be joined.</summary>
    public int Count
    {
        get
        {
            lock (_sync)
            {
                return _flights.Count;
            }
        }
    }

    /// <summary>Joins the work under way for the ticket, or starts it.</summary>
    /// <returns>Null: answered, or nobody is left to answer.</returns>
    public async ValueTask<InferenceError?> RunAsync(
        FlightTicket ticket, Work work, RouteModel route, InferenceRequest request, IAnswer answer, InferenceReport report, long started, CancellationToken clientGone)
    {
        clientGone.ThrowIfCancellationRequested();
        var (flight, follower, joined) = Board(ticket);
        if (!joined)
        {
            _ = FlyAsync(flight, work, request);
        }

        try
        {
            // The work keeps the first one's deadline by itself.
            var patience = joined ? (request.Timeout ?? route.Timeout) - time.GetElapsedTime(started) : Timeout.InfiniteTimeSpan;
            if (!await BegunAsync(flight, patience, clientGone).ConfigureAwait(false))
            {
                return Exhausted.Deadline($"The deadline passed while the same request, which was under way already, waited for its answer from '{route.Name}'.");
            }

            if (flight.Answer.Head is { } head)
            {
                await FollowAsync(flight, follower, joined, ticket, head, request, answer, report, clientGone).ConfigureAwait(false);
                return null;
            }

            var error = await flight.Done.WaitAsync(clientGone).ConfigureAwait(false);
            if (!joined || !IsOnesOwn(error, flight))
            {
                Take(flight, joined, report);
                Note(flight, joined, ticket, request, report);
                return error;
            }
        }
        finally
        {
            await LeaveAsync(flight, follower, report).ConfigureAwait(false);
        }

        Note(flight, joined: false, ticket, request, report);
        return await work(answer, report, clientGone).ConfigureAwait(false);
    }

    private (Flight Flight, Follower Follower, bool Joined) Board(FlightTicket ticket)
    {
        lock (_sync)
        {
            if (_flights.TryGetValue(ticket.Key, out var known) && known.TryJoin(ticket.KeepFor) is { } follower)
            {
                return (known, follower, true);
            }

            // In place of one that has grown too long: that one goes on for those who follow it.
            var flight = _flights[ticket.Key] = new Flight(ticket.Key);
            return (flight, flight.TryJoin(ticket.KeepFor)!, false);
        }
    }

    // Nothing escapes: whatever happens reaches those who wait.
    private async Task FlyAsync(Flight flight, Work work, InferenceRequest request)
    {
        // The first one's body is used for as long as anybody waits, also after it has left.
        var holds = request.Owner?.TryHold() ?? false;
        try
        {
            var error = await work(flight.Answer, flight.Report, flight.Abandoned.Token).ConfigureAwait(false);
            if (error is null)
            {
                Keep(flight, request.Operation);
            }
            else if (flight.Answer.Head is not null)
            {
                flight.Report.FailedBy = error.Code;
                flight.Answer.Abort();
            }

            Forget(flight);
            flight.Land(error);
        }
        catch (OperationCanceledException) when (flight.Abandoned.IsCancellationRequested)
        {
            flight.Report.ClientLeft();
            Forget(flight);
            flight.Land(error: null);
        }
        catch (Exception fault)
        {
            Forget(flight);
            flight.Crash(fault);
        }
        finally
        {
            if (holds)
            {
                request.Owner!.Release();
            }
        }
    }

    // Before the flight is out of the table: whoever comes then finds one or the other.
    private void Keep(Flight flight, Operation operation)
    {
        AnswerKey[] keys;
        lock (_sync)
        {
            keys = [.. flight.KeepFor];
        }

        var report = flight.Report;
        if (keys.Length == 0 || report.FailedBy is not null || report.Cache == CacheOutcome.Hit || flight.Answer.IsAborted
            || flight.Answer.Head is not { Status: 200 } head || Packing(head) || flight.Answer.ToArray() is not { } body)
        {
            return;
        }

        var isStream = head.ContentType?.StartsWith("text/event-stream", StringComparison.OrdinalIgnoreCase) ?? false;
        if (!KeptAnswer.IsSound(operation, isStream, body))
        {
            return;
        }

        var kept = new KeptAnswer(head.ContentType, isStream, body) { Dropped = report.Dropped };
        foreach (var key in keys)
        {
            cache.Keep(key, kept);
        }
    }

    private static bool Packing(in AnswerHead head) => head.Passed?.Any(header => header.Key == "content-encoding") ?? false;

    private void Forget(Flight flight)
    {
        lock (_sync)
        {
            if (_flights.GetValueOrDefault(flight.Key) == flight)
            {
                _flights.Remove(flight.Key);
            }
        }
    }

    // False: the time is up, and nothing has begun.
    private async ValueTask<bool> BegunAsync(Flight flight, TimeSpan patience, CancellationToken clientGone)
    {
        var begun = flight.Answer.BegunAsync();
        if (!begun.IsCompleted && patience != Timeout.InfiniteTimeSpan && patience <= TimeSpan.Zero)
        {
            return false;
        }

        try
        {
            await begun.WaitAsync(patience, time, clientGone).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private async ValueTask FollowAsync(
        Flight flight, Follower follower, bool joined, FlightTicket ticket, AnswerHead head, InferenceRequest request, IAnswer answer, InferenceReport report, CancellationToken clientGone)
    {
        Take(flight, joined, report);
        Note(flight, joined, ticket, request, report);
        answer.Begin(head with { Report = report });
        bool isThere;
        try
        {
            isThere = await flight.Answer.CopyAsync(follower, answer.Body, clientGone).ConfigureAwait(false);
        }
        catch (Exception fault) when (fault is IOException or OperationCanceledException)
        {
            isThere = false;
        }

        if (!isThere)
        {
            report.ClientLeft();
            return;
        }

        if (flight.Answer.IsAborted)
        {
            answer.Abort();
        }

        await flight.Done.ConfigureAwait(false);
        Take(flight, joined, report);
    }

    private async ValueTask LeaveAsync(Flight flight, Follower follower, InferenceReport report)
    {
        Departure departure;
        lock (_sync)
        {
            departure = flight.Leave(follower);
            if (departure.Abandons && _flights.GetValueOrDefault(flight.Key) == flight)
            {
                _flights.Remove(flight.Key);
            }
        }

        if (departure.Abandons)
        {
            // What the work has used by then is still somebody's: the last one's.
            await flight.Abandoned.CancelAsync().ConfigureAwait(false);
            await ((Task)flight.Done).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (departure.Pays)
        {
            (report.Usage, report.Cost) = (flight.Report.Usage, flight.Report.Cost);
        }
    }

    // What the headers say and the counters count; the usage comes at the end, to one alone.
    private static void Take(Flight flight, bool joined, InferenceReport report)
    {
        var from = flight.Report;
        (report.Deployment, report.Provider, report.Model, report.UpstreamId) = (from.Deployment, from.Provider, from.Model, from.UpstreamId);
        (report.Status, report.FailedBy, report.ClientAtFault, report.Dropped) = (from.Status, from.FailedBy, from.ClientAtFault, from.Dropped);
        if (!joined)
        {
            (report.Attempts, report.Queued, report.FirstEvent) = (from.Attempts, from.Queued, from.FirstEvent);
        }
    }

    private void Note(Flight flight, bool joined, FlightTicket ticket, InferenceRequest request, InferenceReport report)
    {
        if (flight.Report.Cache == CacheOutcome.Hit)
        {
            cache.Note(request, report, CacheOutcome.Hit);
        }
        else if (joined)
        {
            cache.Note(request, report, CacheOutcome.Coalesced);
        }
        else if (ticket.KeepFor is not null)
        {
            cache.Note(request, report, CacheOutcome.Miss);
        }
    }

    private static bool IsOnesOwn(InferenceError? error, Flight flight) =>
        error is { Code: "deadline_exceeded" or "overloaded" } || (error is null && flight.Report.FailedBy == "client_left");
}
