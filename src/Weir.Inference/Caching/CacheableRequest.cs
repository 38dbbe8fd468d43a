using System.Text.Json;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Caching;

/// <summary>What the cache has to know of a request.</summary>
/// <param name="Key">The same for requests that deserve the same answer.</param>
/// <param name="IsSampled">It asks for one of many possible answers: <c>temperature</c> is absent or not 0, or <c>n</c> is over 1.</param>
/// <param name="KeepsState">The provider is to keep something of it, which a cached answer would not do.</param>
internal readonly record struct CacheableRequest(AnswerKey Key, bool IsSampled, bool KeepsState)
{
    private static readonly JsonDocumentOptions Depth = new() { MaxDepth = RequestHeadScanner.MaxDepth };

    /// <summary>
    /// The key counts the tenant, the operation, the route and what stands behind it, the client's beta headers, whether it streams, and
    /// the body without its model (the route stands for it) and without what does not change an answer: <c>user</c>, <c>safety_identifier</c>,
    /// <c>metadata</c> and <c>prompt_cache_key</c>.
    /// </summary>
    public static CacheableRequest Read(RouteModel route, InferenceRequest request)
    {
        using var document = JsonDocument.Parse(request.Body, Depth);
        var body = document.RootElement;
        using var key = new KeyWriter();
        key.Text(request.Tenant);
        key.Text(request.Operation.Name);
        WriteRoute(key, route);
        key.Text(request.Headers.OpenAIBeta);
        key.Text(request.Headers.AnthropicBeta);
        key.Text(request.Headers.AnthropicVersion);
        key.Tag(request.Head.Stream ? 's' : 'b');
        CanonicalJson.WriteFields(key, body, Counts);
        return new CacheableRequest(key.ToKey(), IsSampling(request.Operation, body), MakesState(request.Operation, body));
    }

    /// <summary>After a reload that puts other models behind a name, no answer of the old ones is the new ones'.</summary>
    public static void WriteRoute(KeyWriter key, RouteModel route)
    {
        key.Text(route.Name);
        key.Number(route.Deployments.Length);
        foreach (var deployment in route.Deployments)
        {
            key.Text(deployment.Name);
        }
    }

    private static bool Counts(string field) =>
        field is not ("model" or "stream" or "user" or "safety_identifier" or "metadata" or "prompt_cache_key");

    private static bool IsSampling(Operation operation, JsonElement body) =>
        operation != Operation.Embeddings
        && !(body.TryGetProperty("temperature", out var temperature) && temperature.ValueKind == JsonValueKind.Number
            && temperature.TryGetDouble(out var degree) && degree == 0
            && !(body.TryGetProperty("n", out var n) && n.ValueKind == JsonValueKind.Number && n.TryGetDouble(out var count) && count > 1));

    // A response is kept at its provider unless it says otherwise.
    private static bool MakesState(Operation operation, JsonElement body) => operation == Operation.Responses
        ? !Is(body, "store", JsonValueKind.False) || Is(body, "background", JsonValueKind.True) || Has(body, "previous_response_id") || Has(body, "conversation")
        : Is(body, "store", JsonValueKind.True);

    private static bool Is(JsonElement body, string field, JsonValueKind kind) => body.TryGetProperty(field, out var value) && value.ValueKind == kind;

    private static bool Has(JsonElement body, string field) => body.TryGetProperty(field, out var value) && value.ValueKind != JsonValueKind.Null;
}
