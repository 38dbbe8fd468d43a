using System.Diagnostics;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Weir.Inference.Dialects;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Responses;
using Weir.Inference.Routing;

namespace Weir.Inference.Attempts;

/// <summary>The request as a provider sees it: the client's body with the model's name replaced, our key, and nothing else of the client's but what is named here.</summary>
internal static class UpstreamRequest
{
    /// <summary>The version of Anthropic's API that this was written against.</summary>
    public const string AnthropicVersion = "2023-06-01";

    /// <param name="deployment">Where it goes.</param>
    /// <param name="request">What the client sent.</param>
    /// <param name="translated">The same in the provider's dialect; null where that is the client's.</param>
    /// <param name="over">Cancelled when the attempt is over, whatever has been sent by then.</param>
    public static HttpRequestMessage Create(DeploymentModel deployment, InferenceRequest request, TranslatedRequest? translated, CancellationToken over)
    {
        var pool = deployment.State.Provider.Pool;
        var message = request is { Stored: { } call, Pin: { } pin }
            ? new HttpRequestMessage(call.Method, UriOf(deployment, call, pin))
            : new HttpRequestMessage(HttpMethod.Post, deployment.UriOf(translated?.Operation ?? request.Operation))
            {
                Content = translated is null ? Body(deployment, request, over) : new SplicedContent(translated.Body.Memory, translated.Body, default, over: over),
            };
        message.Version = pool.Version;
        message.VersionPolicy = pool.VersionPolicy;
        var headers = message.Headers;
        var isAnthropic = deployment.Provider.Dialect == Dialect.Anthropic;
        if (isAnthropic)
        {
            AddAnthropic(headers, deployment, request);
        }
        else if (deployment.State.Key.Authorization is { } authorization)
        {
            headers.TryAddWithoutValidation("authorization", authorization);
        }

        headers.TryAddWithoutValidation("accept-encoding", "identity");
        headers.TryAddWithoutValidation("accept", request.Head.Stream ? "text/event-stream" : "application/json");
        if ((Activity.Current?.Id ?? request.Headers.TraceParent) is { } trace)
        {
            headers.TryAddWithoutValidation("traceparent", trace);
        }

        if (!isAnthropic && request.Headers.OpenAIBeta is { } beta)
        {
            headers.TryAddWithoutValidation("openai-beta", beta);
        }

        if (request.Headers.IdempotencyKey is { } key)
        {
            headers.TryAddWithoutValidation("idempotency-key", Derive(request.Tenant, key));
        }

        foreach (var (name, value) in deployment.Provider.Headers)
        {
            headers.Remove(name);
            headers.TryAddWithoutValidation(name, value);
        }

        return message;
    }

    private static void AddAnthropic(HttpRequestHeaders headers, DeploymentModel deployment, InferenceRequest request)
    {
        if (deployment.State.Key.ApiKey is { Length: > 0 } key)
        {
            headers.TryAddWithoutValidation("x-api-key", key);
        }

        headers.TryAddWithoutValidation("anthropic-version", request.Headers.AnthropicVersion ?? AnthropicVersion);
        if (request.Headers.AnthropicBeta is { } beta)
        {
            headers.TryAddWithoutValidation("anthropic-beta", beta);
        }
    }

    private static SplicedContent Body(DeploymentModel deployment, InferenceRequest request, CancellationToken over) => new(
        request.Body,
        request.Owner,
        Splice.Of(request.Head.ModelValue, StreamUsage.IsAddedTo(request, deployment) && request.Head.Usage.HasNoOptions ? deployment.ModelJsonAndUsage : deployment.ModelJson),
        request.Pin is { } pin ? Splice.Of(request.Head.PreviousResponseValue, JsonSerializer.SerializeToUtf8Bytes(pin.Origin.UpstreamId))
            : StreamUsage.IsAddedTo(request, deployment) ? request.Head.Usage.Splice
            : null,
        over);

    private static Uri UriOf(DeploymentModel deployment, StoredResponseCall call, ResponsePin pin) =>
        new($"{deployment.UriOf(Operation.Responses)}/{Uri.EscapeDataString(pin.Origin.UpstreamId)}{call.Action}{call.Query}");

    // Two tenants that choose the same key must not meet at the provider.
    private static string Derive(string tenant, string key) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{tenant}\n{key}")).AsSpan(0, 16));
}
