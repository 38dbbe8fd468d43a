using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;

namespace Weir.Retrieval.Embedding.Loading;

/// <summary>
/// The stable place of one model's name: what is configured, the model that serves, and the loading under way. A new model is loaded beside the
/// old one, which serves until then; one that cannot be loaded leaves the old one where it is.
/// </summary>
internal sealed partial class ModelSlot(string name, IModelLoader loader, TimeProvider time, ILogger logger)
{
    /// <summary>How long a failure is answered as it is before loading is tried again.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    private readonly ILogger _logger = logger;
    private readonly Lock _sync = new();
    private EmbeddingModelOptions _options = new();
    private volatile LoadedModel? _current;
    private Task? _loading;
    private string? _error;
    private long? _failedAt;
    private bool _removed;
    private long _lastUsed = time.GetTimestamp();
    private string? _lastRevision;
    private int? _lastDimensions;

    public string Name => name;

    /// <summary>Takes what is configured now, and loads it in the background where it differs from what serves.</summary>
    public void Configure(EmbeddingModelOptions options)
    {
        lock (_sync)
        {
            if (_options != options)
                (_error, _lastRevision, _lastDimensions) = (null, null, null);
            _options = options;
            _failedAt = null;
        }

        // Also where the options are the same: the files may not be.
        _ = LoadAsync();
    }

    public bool TryHold([NotNullWhen(true)] out LoadedModel? model)
    {
        model = _current;
        // A provider's model may change with the routes, and two models' vectors must never mix: that is looked at each time.
        if (model is null || (model.Options.Kind == EmbeddingModelKind.Route && !IsCurrent(model)) || !model.TryHold())
        {
            model = null;
            return false;
        }

        Volatile.Write(ref _lastUsed, time.GetTimestamp());
        return true;
    }

    /// <summary>Loads it if it is not loaded; however many ask, once.</summary>
    public async ValueTask<(LoadedModel? Model, RetrievalError? Error)> HoldAsync(CancellationToken cancellationToken)
    {
        for (var round = 0; round < 8; round++)
        {
            if (TryHold(out var model))
                return (model, null);
            if (Failure() is { } failure)
                return (null, failure);
            await LoadAsync().WaitAsync(cancellationToken);
        }

        return (null, Unavailable("it changes faster than it can be loaded"));
    }

    public bool UnloadIfIdle(TimeSpan idle)
    {
        LoadedModel model;
        lock (_sync)
        {
            if (_current is not { IsInUse: false } unused || _loading is not null || time.GetElapsedTime(Volatile.Read(ref _lastUsed)) < idle)
                return false;
            Remember(unused);
            _current = null;
            model = unused;
        }

        model.Retire();
        LogUnloaded(name, idle);
        return true;
    }

    /// <summary>It is no longer configured: it ends with its last user.</summary>
    public void Remove()
    {
        LoadedModel? last;
        lock (_sync)
        {
            _removed = true;
            last = Exchange(null);
        }

        last?.Retire();
    }

    public EmbeddingModelInfo Describe()
    {
        lock (_sync)
        {
            var model = _current?.Model;
            var dimensions = model is null ? _lastDimensions : model.Dimensions;
            return new EmbeddingModelInfo
            {
                Name = name,
                Kind = _options.Kind,
                State = model is not null ? EmbeddingModelState.Ready
                    : _loading is not null ? EmbeddingModelState.Loading
                    : _error is not null ? EmbeddingModelState.Failed : EmbeddingModelState.Unloaded,
                Revision = model?.Revision ?? _lastRevision,
                Dimensions = dimensions is > 0 ? dimensions : null,
                Bytes = model?.Bytes,
                Error = _error,
            };
        }
    }

    private Task LoadAsync()
    {
        lock (_sync)
        {
            if (_removed)
                return Task.CompletedTask;
            return _loading ??= Task.Run(Load);
        }
    }

    /// <summary>Until what serves is what is configured, which may change meanwhile.</summary>
    private void Load()
    {
        bool again;
        do
        {
            EmbeddingModelOptions options;
            lock (_sync)
                options = _options;
            var (model, error) = TryLoad(options);
            LoadedModel? superseded;
            lock (_sync)
            {
                again = _options != options && !_removed;
                if (again)
                {
                    superseded = model == _current ? null : model;
                }
                else
                {
                    _loading = null;
                    superseded = Take(model, error);
                }
            }

            superseded?.Retire();
        }
        while (again);
    }

    private (LoadedModel? Model, string? Error) TryLoad(EmbeddingModelOptions options)
    {
        try
        {
            var stamp = loader.StampOf(options);
            if (_current is { } current && current.Options == options && current.Stamp == stamp)
                return (current, null);
            var model = new LoadedModel(loader.Load(options), options, stamp);
            LogLoaded(name, options.Kind, model.Model.Revision, model.Model.Bytes);
            return (model, null);
        }
        catch (Exception e)
        {
            LogNotLoaded(e, name, e.Message);
            return (null, e.Message);
        }
    }

    /// <summary>Under the lock.</summary>
    /// <returns>What is no longer offered.</returns>
    private LoadedModel? Take(LoadedModel? model, string? error)
    {
        _error = error;
        if (error is not null)
        {
            _failedAt = time.GetTimestamp();
            // A route that leads elsewhere has no last good model: its vectors would mix with those of another.
            return _options.Kind == EmbeddingModelKind.Route ? Exchange(null) : null;
        }

        if (_removed)
            return model;
        if (model == _current)
            return null;
        Volatile.Write(ref _lastUsed, time.GetTimestamp());
        return Exchange(model);
    }

    private LoadedModel? Exchange(LoadedModel? model)
    {
        var old = _current;
        _current = model;
        return old;
    }

    private bool IsCurrent(LoadedModel model)
    {
        try
        {
            return loader.StampOf(model.Options) == model.Stamp;
        }
        catch (Exception)
        {
            // Loading says what is wrong with it.
            return false;
        }
    }

    /// <summary>Null where loading is to be tried.</summary>
    private RetrievalError? Failure()
    {
        lock (_sync)
        {
            if (_removed)
                return EmbeddingErrors.NoModel(name);
            return _loading is null && _error is not null && _failedAt is { } at && time.GetElapsedTime(at) < RetryAfter ? Unavailable(_options.Kind == EmbeddingModelKind.Route ? _error : null) : null;
        }
    }

    // What is wrong with files names their paths, which is for the log and for admins only.
    private RetrievalError Unavailable(string? reason) =>
        new(503, "embedding_model_unavailable", $"The embedding model '{name}' cannot be loaded: {reason ?? "the log says why, and to an admin GET /v1/embeddings/stats."}")
        {
            Param = "model",
            RetryAfter = RetryAfter,
        };

    private void Remember(LoadedModel model) => (_lastRevision, _lastDimensions) = (model.Model.Revision, model.Model.Dimensions);

    [LoggerMessage(EventName = "EmbeddingModelLoaded", Level = LogLevel.Information, Message = "The embedding model {Model} ({Kind}) is ready: revision {Revision}, {Bytes} bytes.")]
    private partial void LogLoaded(string model, EmbeddingModelKind kind, string revision, long bytes);

    [LoggerMessage(EventName = "EmbeddingModelNotLoaded", Level = LogLevel.Error, Message = "The embedding model {Model} could not be loaded: {Reason}")]
    private partial void LogNotLoaded(Exception exception, string model, string reason);

    [LoggerMessage(EventName = "EmbeddingModelUnloaded", Level = LogLevel.Information, Message = "The embedding model {Model} was not used for {Idle} and is unloaded until its next use.")]
    private partial void LogUnloaded(string model, TimeSpan idle);
}
