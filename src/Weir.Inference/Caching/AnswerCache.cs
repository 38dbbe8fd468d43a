using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Caching;

/// <summary>Which requests are cached, what is kept for them, and where: in this process first, then in what replicas share.</summary>
internal sealed class AnswerCache(LocalAnswers local, SharedAnswers shared, CacheMetrics metrics)
{
    private static readonly bool[] Cacheable = [.. Operation.All.Select(operation => operation != Operation.CountTokens)];

    /// <summary>Whether a request has to do with the cache at all, as far as can be told without reading its body.</summary>
    public bool Concerns(InferenceRequest request) =>
        (request.UseCache ?? local.Settings.IsDefault) && request.Stored is null && Cacheable[request.Operation.Index];

    /// <summary>
    /// The key of a request that is to be cached; null where it is not: nobody asked, it is sampled and no header insists, or it
    /// leaves something at its provider.
    /// </summary>
    public AnswerKey? KeyOf(RouteModel route, InferenceRequest request) =>
        Concerns(request) && CacheableRequest.Read(route, request) is { KeepsState: false } read && (request.UseCache == true || !read.IsSampled)
            ? read.Key
            : null;

    /// <summary>Answers from what this process has kept, if it has.</summary>
    public async ValueTask<bool> TryReplayAsync(AnswerKey key, InferenceRequest request, IAnswer answer, InferenceReport report, CancellationToken clientGone)
    {
        if (local.Find(key) is not { } kept)
        {
            return false;
        }

        Note(request, report, CacheOutcome.Hit);
        await kept.ReplayAsync(answer, report, clientGone).ConfigureAwait(false);
        return true;
    }

    /// <summary>Answers from what other replicas have kept; what is found is kept here too.</summary>
    public async ValueTask<bool> TryReplaySharedAsync(AnswerKey key, IAnswer answer, InferenceReport report, CancellationToken abandoned)
    {
        // Somebody may have been answered since this process was asked.
        var kept = local.Find(key);
        if (kept is null && await shared.FindAsync(key, abandoned).ConfigureAwait(false) is var (found, left))
        {
            // Whoever kept it may have another clock.
            var ttl = local.Settings.Ttl;
            local.Keep(key, kept = found, left < ttl ? left : ttl);
        }

        if (kept is null)
        {
            return false;
        }

        report.Cache = CacheOutcome.Hit;
        await kept.ReplayAsync(answer, report, abandoned).ConfigureAwait(false);
        return true;
    }

    public void Keep(AnswerKey key, KeptAnswer answer)
    {
        var settings = local.Settings;
        if (answer.Body.Length <= settings.LargestAnswer)
        {
            local.Keep(key, answer, settings.Ttl);
            shared.Keep(key, answer, settings.Ttl);
        }
    }

    /// <summary>Notes what came of a request, for its headers and for the counters.</summary>
    public void Note(InferenceRequest request, InferenceReport report, CacheOutcome outcome)
    {
        report.Cache = outcome;
        metrics.Served(request.Operation.Name, outcome);
    }

    public void Reconfigure(CacheSettings settings) => local.Reconfigure(settings);
}
