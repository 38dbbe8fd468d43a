using Weir.Inference.Caching;
using Weir.Inference.Relay;
using Weir.Inference.Routing;

namespace Weir.Inference;

/// <summary>What became of a request: filled in by the pipeline as it becomes known, read when the answer begins and when it has ended.</summary>
public sealed class InferenceReport
{
    /// <summary>Stands for this server itself where a provider's name would stand.</summary>
    public const string OwnProvider = "weir";

    /// <summary>Set when the answer is ours and not the provider's, and has not been written yet.</summary>
    public InferenceError? Error { get; internal set; }

    /// <summary>The route; null where the model was not found.</summary>
    public string? Route { get; internal set; }

    /// <summary>
    /// The route as counters name it: what a client made up and no provider answered is counted under its provider alone, so that
    /// clients cannot make counters without end.
    /// </summary>
    public string Label => Route is null ? "unknown" : IsConfigured || Status is >= 200 and < 300 ? Route : (Provider ?? Route.Split('/', 2)[0]) + "/*";

    /// <summary>The route stands in the configuration, as opposed to being implied by provider/model.</summary>
    public bool IsConfigured { get; internal set; }

    /// <summary><c>provider/model</c> of the last attempt; null where there was none.</summary>
    public string? Deployment { get; internal set; }

    /// <summary>The provider of the last attempt.</summary>
    public string? Provider { get; internal set; }

    /// <summary>The model's name at the provider.</summary>
    public string? Model { get; internal set; }

    /// <summary>Sends, the one that was answered included.</summary>
    public int Attempts { get; internal set; }

    /// <summary>Spent waiting for admission, all attempts together.</summary>
    public TimeSpan Queued { get; internal set; }

    /// <summary>From the last send to its first event; null where none came.</summary>
    public TimeSpan? FirstEvent { get; internal set; }

    /// <summary>As the provider counted; of a stream that it did not count, or that broke off before, an estimate that says so. Else null.</summary>
    public TokenUsage? Usage { get; internal set; }

    /// <summary>In dollars, from the price table; 0 where the model has no price.</summary>
    public double Cost { get; internal set; }

    /// <summary>The provider's id of the request; null where it gave none.</summary>
    public string? UpstreamId { get; internal set; }

    /// <summary>The client's fields that were left out, because where the request went cannot express them.</summary>
    public IReadOnlyList<string> Dropped { get; internal set; } = [];

    /// <summary>What the cache, or the same request under way, had to do with it; null: nothing.</summary>
    public CacheOutcome? Cache { get; internal set; }

    /// <summary>Its tokens are counted with another request, which this server made for it.</summary>
    internal bool IsPassedOn { get; private set; }

    /// <summary>The HTTP status of the answer; 499 where the client left before it.</summary>
    public int Status { get; internal set; }

    /// <summary>The provider found the request itself to be at fault: sending it again cannot help.</summary>
    public bool ClientAtFault { get; internal set; }

    /// <summary>Null where the answer was whole; else why it was not: a class of failure in snake_case.</summary>
    public string? FailedBy { get; internal set; }

    /// <summary>What a model that this server serves itself has to tell: before its answer begins.</summary>
    /// <param name="deployment">What stands in <c>x-weir-deployment</c>, such as <c>weir/default</c>.</param>
    /// <param name="model">The model's own name.</param>
    /// <param name="usage">What is paid for by this request; null: nothing.</param>
    /// <param name="cost">In dollars.</param>
    /// <param name="cache">What had been known already had to do with it; null: nothing.</param>
    /// <param name="isPassedOn">Whether the work was a provider's: its tokens are counted with the request that went there.</param>
    public void Served(string deployment, string model, TokenUsage? usage, double cost, CacheOutcome? cache, bool isPassedOn = false)
    {
        Deployment = deployment;
        Provider = OwnProvider;
        Model = model;
        Usage = usage;
        Cost = cost;
        Cache = cache;
        IsPassedOn = isPassedOn;
        Status = 200;
    }

    /// <summary>Nobody is left to answer.</summary>
    internal void ClientLeft()
    {
        FailedBy = "client_left";

        // Where an answer had begun, its status has gone out.
        Status = Status == 0 ? 499 : Status;
    }

    internal void At(DeploymentModel target)
    {
        Deployment = target.Name;
        Provider = target.Provider.Name;
        Model = target.Model;
    }
}
