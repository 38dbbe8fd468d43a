using Weir.Inference.Attempts;

namespace Weir.Inference.Routing;

/// <summary>
/// What the provider last said is left of its requests, less what has been sent since, plus what has been regained since: others may use the
/// same key, so that its count and ours differ.
/// </summary>
internal sealed class ProviderQuota(Allowance requests, TimeProvider time)
{
    private readonly long _at = time.GetTimestamp();
    private long _sent;

    /// <summary>Counts a request that is sent.</summary>
    /// <returns>How long the next one should wait; zero where something is left.</returns>
    public TimeSpan Spend()
    {
        var sent = Interlocked.Increment(ref _sent);
        if (sent < requests.Remaining || requests.PerUnit is not { } unit || unit <= TimeSpan.Zero)
        {
            return TimeSpan.Zero;
        }

        // The one after this needs one more than have been sent.
        var missing = sent + 1 - requests.Remaining;
        var wait = (unit * (double)missing) - time.GetElapsedTime(_at);
        var longest = requests.Reset - time.GetElapsedTime(_at) ?? wait;
        return wait <= TimeSpan.Zero || longest <= TimeSpan.Zero ? TimeSpan.Zero : wait < longest ? wait : longest;
    }
}
