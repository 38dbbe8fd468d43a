using Weir.Flow.Batching;
using Weir.Inference.Caching;
using Weir.Inference.Load;
using Weir.Inference.Routing;

namespace Weir.Inference.Embeddings;

/// <summary>What must agree before requests go together: the route as it stands, and everything of the request but its inputs.</summary>
internal readonly record struct BatchKey(RouteModel Route, AnswerKey Rest);

/// <summary>The batchers, one for each key that is in use: the first who comes makes it, the last who leaves lets it go.</summary>
internal sealed class EmbeddingBatches
{
    // Batches under way at once to one route; more gather meanwhile, so that under load batches are full.
    private const int MostInFlight = 32;

    private readonly Lock _sync = new();
    private readonly Dictionary<BatchKey, Batcher> _batchers = [];
    private readonly EmbeddingBatch _batch;
    private readonly LoadProfiles _load;
    private readonly TimeProvider _time;

    public EmbeddingBatches(EmbeddingBatch batch, LoadProfiles load, EmbeddingMetrics metrics, TimeProvider time)
    {
        (_batch, _load, _time) = (batch, load, time);
        metrics.Observe(this);
    }

    public int Count
    {
        get
        {
            lock (_sync)
            {
                return _batchers.Count;
            }
        }
    }

    /// <summary>Requests, or parts of large ones, that wait for company now.</summary>
    public int Pending
    {
        get
        {
            Batcher[] batchers;
            lock (_sync)
            {
                batchers = [.. _batchers.Values];
            }

            return batchers.Sum(static batcher => batcher.Batches.Snapshot().Pending);
        }
    }

    /// <param name="key">Whom it may go with.</param>
    /// <param name="part">What to send.</param>
    /// <param name="maxBatch">The most inputs in one call.</param>
    /// <param name="cancellationToken">Ends this wait alone.</param>
    public async Task<BatchOutcome<EmbeddingResult>> SendAsync(BatchKey key, EmbeddingPart part, int maxBatch, CancellationToken cancellationToken)
    {
        var batcher = Enter(key, maxBatch);
        try
        {
            return await batcher.Batches.SubmitAsync(part, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Leave(key, batcher);
        }
    }

    private Batcher Enter(BatchKey key, int maxBatch)
    {
        var settings = SettingsOf(maxBatch);
        Batcher? batcher;
        bool hasChanged;
        lock (_sync)
        {
            if (!_batchers.TryGetValue(key, out batcher))
            {
                batcher = _batchers[key] = new Batcher(settings, new MicroBatcher<EmbeddingPart, EmbeddingResult>(
                    settings, _batch.SendAsync, _time, static part => part.Count, static error => error is BatchFaultException));
            }

            batcher.Users++;
            hasChanged = batcher.Settings != settings;
            batcher.Settings = settings;
        }

        if (hasChanged)
        {
            batcher.Batches.Reconfigure(settings);
        }

        return batcher;
    }

    private void Leave(BatchKey key, Batcher batcher)
    {
        lock (_sync)
        {
            if (--batcher.Users > 0)
            {
                return;
            }

            _batchers.Remove(key);
        }

        // Nobody waits in it; what is still being cancelled ends by itself.
        _ = batcher.Batches.DisposeAsync().AsTask();
    }

    private MicroBatcherSettings SettingsOf(int maxBatch)
    {
        var profile = _load.Current;
        return new MicroBatcherSettings { Size = profile.BatchSize, Wait = profile.BatchWait, MaxWeight = maxBatch, MaxInFlight = MostInFlight };
    }

    private sealed class Batcher(MicroBatcherSettings settings, MicroBatcher<EmbeddingPart, EmbeddingResult> batches)
    {
        public MicroBatcher<EmbeddingPart, EmbeddingResult> Batches => batches;

        public MicroBatcherSettings Settings { get; set; } = settings;

        public int Users { get; set; }
    }
}
