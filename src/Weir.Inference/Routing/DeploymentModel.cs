using System.Text;
using System.Text.Json;
using Weir.Inference.Dialects;
using Weir.Inference.Providers;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing.Balancing;

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
        MaxConcurrency = provider.Limits.MaxConcurrency;
        _price = price;
        Name = $"{provider.Name}/{model}";
        Identity = StableHash.Of(Encoding.UTF8.GetBytes($"{Name}\n{state.Key.ApiKey}"));
        ModelJson = JsonSerializer.SerializeToUtf8Bytes(model);
        ModelJsonAndUsage = (byte[])[.. ModelJson.Span, .. ",\"stream_options\":{\"include_usage\":true}"u8];
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

    /// <summary>The same, and after it the question for the usage of a stream.</summary>
    public ReadOnlyMemory<byte> ModelJsonAndUsage { get; }

    /// <summary>Lower ones first.</summary>
    public int Order { get; }

    public double Weight { get; }

    /// <summary>Its weight, less while it warms up.</summary>
    public double WeightNow => Weight * State.Start.Share;

    /// <summary>The share of its room that is in use, against its weight: what to compare.</summary>
    public double LoadNow => State.Lane.Load / WeightNow;

    /// <summary>The same in every process: name and key.</summary>
    public ulong Identity { get; }

    /// <summary>The most output tokens where a client names no bound and the provider needs one.</summary>
    public int MaxOutput { get; init; } = TranslationTarget.DefaultMaxOutput;

    /// <summary>Inputs in one embeddings call: the provider's, or what narrows it here.</summary>
    public int MaxBatch { get; init; }

    /// <summary>What may be in flight to it at once: the provider's for one key, or what narrows it here.</summary>
    public int MaxConcurrency { get; init; }

    /// <summary>In dollars; 0 where the model has no price.</summary>
    public double CostOf(in TokenUsage usage) => _price?.Of(usage) ?? 0;

    public Uri UriOf(Operation operation) => _uris[operation.Index];
}
