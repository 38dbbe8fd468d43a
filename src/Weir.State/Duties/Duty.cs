using System.Text.Json;

namespace Weir.State.Duties;

/// <summary>
/// Work with effects outside the store, done by one holder at a time. A claim is a document with a holder and an end in store
/// time; the holder stops before that end, measured from before it asked, so that no clock of its own can make it stop late.
/// </summary>
/// <param name="store">Where the claim stands.</param>
/// <param name="partition">The partition of what the duty is about.</param>
/// <param name="name">What is to be done; one holder per name and partition.</param>
/// <param name="holder">Who asks: a name that no other replica, and no earlier run of this one, has.</param>
/// <param name="time">Monotonic time.</param>
public sealed class Duty(IStateStore store, string partition, string name, string holder, TimeProvider time)
{
    /// <summary>How long a claim holds unless renewed. Default 30 s; at least 1 s.</summary>
    public TimeSpan Term { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The document of the claim.</summary>
    public string Key { get; } = "duty:" + name;

    internal IStateStore Store => store;

    internal TimeProvider Time => time;

    internal string Partition => partition;

    /// <returns>The claim; null while another holds it, or where it is not certain that we do.</returns>
    /// <exception cref="StoreUnavailableException">The store cannot be reached.</exception>
    public async ValueTask<DutyClaim?> TryClaimAsync(CancellationToken cancellationToken = default)
    {
        var asked = time.GetTimestamp();
        var now = await store.Clock.ReadAsync(cancellationToken);
        var held = await store.ReadAsync(partition, Key, cancellationToken);
        if (held is not null && held.ExpiresAt > now)
            return null;
        return await WriteAsync(held?.Version ?? 0, now, cancellationToken) is CommitOutcome.Committed(var version)
            ? new DutyClaim(this, version, asked)
            : null;
    }

    /// <summary>Writes the claim with a new end. It cannot land so late that its end is near; an unknown outcome is settled while that helps.</summary>
    internal async ValueTask<CommitOutcome> WriteAsync(long expected, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var until = now + Term;
        var commit = new Commit(partition)
        {
            Writes = [new Write(Key, expected, JsonSerializer.SerializeToUtf8Bytes(new Body(holder, until), Json), until)],
            NotAfter = now + (Term / 2),
            Deadline = Term / 2,
        };
        var outcome = await store.CommitAsync(commit, cancellationToken);
        return outcome is CommitOutcome.Unknown ? await store.SettleAsync(commit, cancellationToken) : outcome;
    }

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private sealed record Body(string Holder, DateTimeOffset Until);
}
