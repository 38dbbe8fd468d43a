using System.Text.Json;
using Weir.Inference.Dialects;
using Weir.Inference.Providers;
using Weir.Inference.Relay;
using Weir.Inference.Requests;

namespace Weir.Inference.Routing;

/// <summary>One model at one provider under one key, as a route sees it. Immutable; what changes is in <see cref="State"/>.</summary>
internal sealed class DeploymentModel
{
    private readonly Uri[] _uris;
    private readonly PriceOptions? _price;

    public DeploymentModel(ProviderModel provider, DeploymentState state, string model, int order, double weight, PriceOptions? price)
    {
        Provider = provider;
        State = state;
        Model = model;
        Order = order;
        Weight = weight;
        MaxBatch = provider.MaxBatch;
        _price = price;
        Name = $"{provider.Name}/{model}";
        ModelJson = JsonSerializer.SerializeToUtf8Bytes(model);
        _uris = [.. Operation.All.Select(operation => new Uri(provider.BaseUrl + operation.Path))];
    }

    /// <summary><c>provider/model</c>.</summary>
    public string Name { get; }

    public ProviderModel Provider { get; }

    public DeploymentState State { get; }

    /// <summary>The model's name at the provider.</summary>
    public string Model { get; }

    /// <summary>The same as a JSON string, quotes included.</summary>
    public ReadOnlyMemory<byte> ModelJson { get; }

    /// <summary>Lower ones first.</summary>
    public int Order { get; }

    public double Weight { get; }

    /// <summary>The most output tokens where a client names no bound and the provider needs one.</summary>
    public int MaxOutput { get; init; } = TranslationTarget.DefaultMaxOutput;

    /// <summary>Inputs in one embeddings call: the provider's, or what narrows it here.</summary>
    public int MaxBatch { get; init; }

    /// <summary>In dollars; 0 where the model has no price.</summary>
    public double CostOf(in TokenUsage usage) => _price?.Of(usage) ?? 0;

    public Uri UriOf(Operation operation) => _uris[operation.Index];
}
