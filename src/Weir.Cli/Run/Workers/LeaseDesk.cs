using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Weir.Cli.Run.Progress;
using Weir.Cli.Run.Tasks;
using Weir.Client;

namespace Weir.Cli.Run.Workers;

/// <summary>Gets leases for attempts, in the fleet's one order, and gives back what a run left.</summary>
/// <param name="leases">The server's.</param>
/// <param name="plan">What is asked for.</param>
/// <param name="job">Labels them.</param>
/// <param name="run">Makes their idempotency keys this run's own.</param>
/// <param name="tally">Told who waits.</param>
/// <param name="time">The clock.</param>
/// <param name="random">Spreads waits.</param>
internal sealed class LeaseDesk(LeasesClient leases, RunPlan plan, string job, string run, RunTally tally, TimeProvider time, Random random)
{
    public const string JobLabel = "weir.run";
    public const string TaskLabel = "weir.task";

    private const int LongestLabel = 256;
    private static readonly TimeSpan Wait = TimeSpan.FromHours(24);
    private static readonly TimeSpan ReleaseWithin = TimeSpan.FromSeconds(10);
    private static readonly string[] Live = ["waiting", "granted", "ready"];

    private readonly Backoff _away = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30), random);

    /// <summary>Waits its turn for as long as it takes; a server that is away is waited for too, since no task is at fault for that.</summary>
    /// <returns>The lease; null, with a sentence, where the task can never have it.</returns>
    /// <exception cref="OperationCanceledException">The run was stopped.</exception>
    /// <exception cref="RunStoppedException">The server does not know this key.</exception>
    public async Task<(HeldLease? Lease, string? Error)> TakeAsync(int worker, RunTask task, int attempt, CancellationToken stop)
    {
        var request = RequestOf(worker, task);
        tally.WaitsForLease(1);
        try
        {
            for (int failures = 0, asked = 0; ;)
            {
                try
                {
                    var sentAt = time.GetTimestamp();
                    var lease = await leases.AllocateAsync(request with { IdempotencyKey = KeyOf(task, attempt, asked) }, stop);
                    if (lease.State is "ready")
                        return (new HeldLease(leases, lease, plan.Ttl, sentAt, time, random), null);
                    // Of an earlier request under this key, which ended before its answer came through.
                    asked++;
                    failures++;
                }
                catch (WeirException refused) when (refused.Status is HttpStatusCode.Unauthorized || (refused.Status is HttpStatusCode.Forbidden && refused.Code is not "kind_not_allowed"))
                {
                    throw new RunStoppedException($"{plan.Url} refuses this key: {refused.Message} Set WEIR_KEY to a worker's, as 'weir keys create --role worker' prints one.");
                }
                catch (WeirException refused) when (IsForGood(refused.Status))
                {
                    return (null, refused.Message);
                }
                catch (WeirException away)
                {
                    // Without an answer the same request may still be under way, and is found again; an answer ended it.
                    if (away.Status is not null)
                        asked++;
                    failures++;
                    tally.ServerSaid(away.Code is "wait_expired" ? null : away.Message);
                }

                await Task.Delay(_away.After(failures), time, stop);
            }
        }
        finally
        {
            tally.WaitsForLease(-1);
        }
    }

    /// <summary>Gives back whatever leases of this job are there: of a former run that was killed, or of requests that were cut off. At best effort; the rest ends by its ttl.</summary>
    /// <returns>How many.</returns>
    public async Task<int> ReleaseLeftAsync(CancellationToken stop)
    {
        using var late = new CancellationTokenSource(ReleaseWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, late.Token);
        var left = new List<Lease>();
        foreach (var state in Live)
        {
            await foreach (var lease in leases.ListAsync(state: state, cancellationToken: either.Token))
            {
                if (lease.Labels?.GetValueOrDefault(JobLabel) == job)
                    left.Add(lease);
            }
        }

        foreach (var lease in left)
            await leases.ReleaseAsync(lease.Id, lease.Fence, either.Token);
        return left.Count;
    }

    internal LeaseRequest RequestOf(int worker, RunTask task)
    {
        var labels = new Dictionary<string, string>(plan.Labels);
        foreach (var (name, value) in task.Labels ?? new Dictionary<string, string>())
            labels[name] = value;
        labels[JobLabel] = job;
        labels[TaskLabel] = task.Id.Length <= LongestLabel ? task.Id : task.Id[..LongestLabel];
        return new LeaseRequest(
            string.Create(CultureInfo.InvariantCulture, $"run-{job}-{worker}"),
            [.. plan.KindsOf(task).Select(kind => new ResourceRequest(kind.Kind) { Count = kind.Count, Config = ConfigOf(task, kind.Kind) })])
        {
            Ttl = plan.Ttl, Wait = Wait, Priority = plan.Priority, Labels = labels, Observe = plan.Agent is not null,
        };
    }

    // The task asks for what cannot be; the others of the fours are of this moment, or of this key of the request.
    private static bool IsForGood(HttpStatusCode? status) => (int?)status is >= 400 and < 500 and not (408 or 409 or 410 or 412 or 425 or 429);

    private string KeyOf(RunTask task, int attempt, int asked)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{run}\n{task.Id}\n{attempt}\n{asked}");
        return "run-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
    }

    private static JsonNode? ConfigOf(RunTask task, string kind) => task.Config is { } config && config.TryGetPropertyValue(kind, out var own) ? own?.DeepClone() : null;
}
