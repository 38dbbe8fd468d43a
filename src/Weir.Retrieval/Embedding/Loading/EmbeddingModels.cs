using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;

namespace Weir.Retrieval.Embedding.Loading;

/// <summary>The configured models by name: an immutable table, swapped whole, of places that stay while their name is configured.</summary>
internal sealed class EmbeddingModels(IModelLoader loader, TimeProvider time, ILogger logger) : IDisposable
{
    private readonly Lock _configuring = new();
    private volatile FrozenDictionary<string, ModelSlot> _slots = FrozenDictionary<string, ModelSlot>.Empty;
    private bool _disposed;

    public IReadOnlyCollection<string> Names => _slots.Keys;

    public bool Has(string name) => _slots.ContainsKey(name);

    public void Apply(IReadOnlyDictionary<string, EmbeddingModelOptions> models)
    {
        lock (_configuring)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var old = _slots;
            _slots = models.Keys.ToFrozenDictionary(
                name => name, name => old.TryGetValue(name, out var slot) ? slot : new ModelSlot(name, loader, time, logger), StringComparer.Ordinal);
            foreach (var (name, options) in models)
                _slots[name].Configure(options);
            foreach (var (name, slot) in old)
            {
                if (!models.ContainsKey(name))
                    slot.Remove();
            }
        }
    }

    public bool TryHold(string name, [NotNullWhen(true)] out LoadedModel? model)
    {
        model = null;
        return _slots.TryGetValue(name, out var slot) && slot.TryHold(out model);
    }

    /// <summary>The model, loaded if it was not; whoever gets it releases it.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled; the loading goes on.</exception>
    public ValueTask<(LoadedModel? Model, RetrievalError? Error)> HoldAsync(string name, CancellationToken cancellationToken) =>
        _slots.TryGetValue(name, out var slot) ? slot.HoldAsync(cancellationToken) : new((null, EmbeddingErrors.NoModel(name)));

    /// <summary>Unloads what nobody uses and nobody has used for so long.</summary>
    public void UnloadIdle(TimeSpan idle)
    {
        foreach (var slot in _slots.Values)
            slot.UnloadIfIdle(idle);
    }

    public IReadOnlyList<EmbeddingModelInfo> Describe() => [.. _slots.Values.Select(slot => slot.Describe()).OrderBy(model => model.Name, StringComparer.Ordinal)];

    public void Dispose()
    {
        lock (_configuring)
        {
            _disposed = true;
            foreach (var slot in _slots.Values)
                slot.Remove();
        }
    }
}
