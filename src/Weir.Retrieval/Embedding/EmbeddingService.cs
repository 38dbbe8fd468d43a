using Weir.Retrieval.Embedding.Caching;
using Weir.Retrieval.Embedding.Counting;
using Weir.Retrieval.Embedding.Flights;
using Weir.Retrieval.Embedding.Loading;
using Weir.Retrieval.Embedding.Preloading;

namespace Weir.Retrieval.Embedding;

/// <summary>
/// One embedding service for all who share this server: its models are loaded once, and a text that several ask for is embedded once. Safe from
/// any thread.
/// </summary>
public sealed partial class EmbeddingService : IAsyncDisposable
{
    private readonly TimeProvider _time;
    private readonly EmbeddingModels _models;
    private readonly VectorCache _cache;
    private readonly StoredVectors _stored;
    private readonly FlightTable _flights;
    private readonly VectorMaker _maker;
    private readonly EmbeddingCounts _counts = new();
    private readonly ClientTable _clients;
    private readonly CallMemory _calls = new();
    private readonly EmbeddingPreload _preload;
    private readonly IdleUnloading _unloading;
    private readonly EmbeddingServiceMetrics? _metrics;
    private volatile EmbeddingCacheOptions _cacheOptions = new();

    /// <summary>A service of these models and no other, which keeps vectors in this process alone. It disposes of the models.</summary>
    public EmbeddingService(IReadOnlyDictionary<string, ILocalModel> models)
        : this(new EmbeddingParts { Loader = new GivenModels(models) }) => Apply(new GivenModels(models).Options);

    internal EmbeddingService(EmbeddingParts parts)
    {
        _time = parts.Time;
        _models = new EmbeddingModels(parts.Loader, parts.Time, parts.Logger);
        _cache = new VectorCache(_cacheOptions.MaxBytes);
        _stored = new StoredVectors(parts.Store, parts.Time, parts.Logger);
        _flights = new FlightTable(_cache);
        _maker = new VectorMaker(_flights, _cache, _stored, _counts, parts.Encoders, parts.Time, parts.Logger);
        _clients = new ClientTable(parts.Time);
        _preload = new EmbeddingPreload(this, parts.PreloadSources, parts.Time, parts.Logger);
        _unloading = new IdleUnloading(_models, parts.Time, parts.Logger);
        if (parts.Meters is { } meters)
            _metrics = new EmbeddingServiceMetrics(meters, this);
    }

    /// <summary>The names of the configured models.</summary>
    public IReadOnlyCollection<string> Models => _models.Names;

    internal EmbeddingCounts Counts => _counts;

    internal VectorCache Cache => _cache;

    internal EncoderStats Encoders => _maker.Encoders.Count();

    internal VectorWriterCounts Writes => _stored.Writes;

    /// <summary>Whether there is a model of this name.</summary>
    public bool Has(string model) => _models.Has(model);

    /// <summary>Of the vectors that a model makes now. Null: it was not loaded yet, or is not there.</summary>
    internal string? RevisionOf(string model) => _models.Describe().FirstOrDefault(known => known.Name == model)?.Revision;

    /// <summary>
    /// Takes a configuration, at start and whenever it changed: models that are new or changed are loaded in the background, beside the old
    /// ones, which serve until then.
    /// </summary>
    public void Apply(EmbeddingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _cacheOptions = options.Cache;
        _cache.Bound(options.Cache.MaxBytes);
        _stored.Bound(options.Cache.MaxBytes);
        _models.Apply(options.Models);
        _unloading.Apply(options.UnloadIdle);
        _preload.Apply(options.Preload);
    }

    /// <summary>The vectors of a request, or why there are none.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled: work that others wait for goes on.</exception>
    public ValueTask<EmbeddingResult> EmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        cancellationToken.ThrowIfCancellationRequested();
        if (request.Asker.Account is { } account)
        {
            var asker = request.Asker with { Account = null, Owes = (tokens, cost) => account.Owe(request.Model, tokens, cost) };
            return EmbedAsync(request with { Asker = asker }, account, cancellationToken);
        }

        return _models.TryHold(request.Model, out var model) ? Embed(model, request, cancellationToken) : LoadAndEmbedAsync(request, cancellationToken);
    }

    /// <summary>
    /// The model, loaded if it was not; whoever holds the lease keeps it from being unloaded. The dimensions of a provider's model are 0 until
    /// its first answer.
    /// </summary>
    /// <exception cref="OperationCanceledException">The token was cancelled; the loading goes on.</exception>
    public async ValueTask<(ModelLease? Model, RetrievalError? Error)> AcquireAsync(string model, CancellationToken cancellationToken = default)
    {
        var (held, error) = await _models.HoldAsync(model, cancellationToken);
        return held is null ? (null, error) : (new ModelLease(held.Model, held.Release), null);
    }

    /// <summary>Forgets every vector, here and in the state store.</summary>
    /// <returns>How many there were here.</returns>
    public async ValueTask<long> ClearAsync(CancellationToken cancellationToken = default)
    {
        var count = _cache.Clear();
        await _stored.ClearAsync(cancellationToken);
        // What was read from the store meanwhile.
        return count + _cache.Clear();
    }

    /// <summary>Writes what is to be written, and lets go of the models. Callers are to be gone.</summary>
    public async ValueTask DisposeAsync()
    {
        await _preload.DisposeAsync();
        _unloading.Dispose();
        _maker.Close();
        await _stored.DisposeAsync();
        _models.Dispose();
        _metrics?.Dispose();
    }

    private async ValueTask<EmbeddingResult> EmbedAsync(EmbeddingRequest request, IEmbeddingAccount account, CancellationToken cancellationToken)
    {
        var tokens = (int)Math.Min(int.MaxValue, request.Inputs.Sum(input => (long)TokenEstimate.Of(input)));
        if (account.TryEnter(request.Model, tokens, out var charge) is { } refusal)
            return new EmbeddingResult { Error = refusal };
        using (charge)
        {
            var result = await EmbedAsync(request, cancellationToken);
            charge?.Settle(result.PaidTokens, result.Cost);
            return result;
        }
    }

    private async ValueTask<EmbeddingResult> LoadAndEmbedAsync(EmbeddingRequest request, CancellationToken cancellationToken)
    {
        var timeout = request.Asker.Timeout ?? UsualTimeout;
        var started = _time.GetTimestamp();
        using var late = new CancellationTokenSource(timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            // The wait itself is cancelled: a wait given up from outside would leave a model held that nobody lets go.
            var (model, error) = await _models.HoldAsync(request.Model, either.Token);
            if (model is null)
            {
                _counts.Failed(request.Inputs.Count);
                return new EmbeddingResult { Error = error };
            }

            if (request.Asker.Timeout is { } whole)
                request = request with { Asker = request.Asker with { Timeout = whole - _time.GetElapsedTime(started) } };
            return await Embed(model, request, cancellationToken);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            _counts.Failed(request.Inputs.Count);
            return new EmbeddingResult { Error = EmbeddingErrors.Late(timeout) };
        }
    }
}
