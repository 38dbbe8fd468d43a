using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Retrieval.Embedding.Encoders;
using Weir.Retrieval.Embedding.Loading;
using Weir.Retrieval.Embedding.Preloading;
using Weir.State;

namespace Weir.Retrieval.Embedding;

/// <summary>What the service is built over.</summary>
internal sealed record EmbeddingParts
{
    public required IModelLoader Loader { get; init; }

    /// <summary>Null: vectors are kept in this process alone.</summary>
    public ICacheStore? Store { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public ILogger Logger { get; init; } = NullLogger.Instance;

    /// <summary>Null: nothing is measured from outside.</summary>
    public IMeterFactory? Meters { get; init; }

    public EncoderSettings Encoders { get; init; } = new();

    /// <summary>Asked for when there is something to preload: a source may itself be built over the service.</summary>
    public Func<IEnumerable<IPreloadSource>> PreloadSources { get; init; } = static () => [];
}
