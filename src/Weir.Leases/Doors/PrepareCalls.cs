using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;

namespace Weir.Leases.Doors;

/// <summary>
/// What one replica asks another to do for a resource that lives there: <c>/-/make</c>, <c>/-/initialise</c> and <c>/-/observe</c> below its door, with a token
/// that only replicas make.
/// </summary>
internal sealed class PrepareCalls(LocalKinds local)
{
    public const string Make = "/-/make";
    public const string Initialise = "/-/initialise";
    public const string Observe = "/-/observe";

    /// <summary>A config is part of a lease's document, which has at most 1 MiB.</summary>
    private const int LargestBody = 2 << 20;

    public static bool IsOne(DoorRequest door) => door.Path is "/-" || door.Path.StartsWith("/-/", StringComparison.Ordinal);

    public async Task ServeAsync(HttpContext context, DoorRequest door, LeasedResource resource)
    {
        switch (HttpMethods.IsPost(context.Request.Method) ? door.Path : null)
        {
            // It stands already: that is done for every request of a door.
            case Make when resource.Resource.Instance is { } instance:
                await AnswerAsync(context, instance, PrepareJson.Default.ResourceInstance, null);
                break;
            case Make:
                await context.WriteErrorAsync(new LeaseError(503, "unavailable", $"Nothing is made for resources of kind '{resource.Resource.Kind}'."));
                break;
            case Initialise when await ReadAsync(context.Request, context.RequestAborted) is { } asked:
                var (details, unready) = await local.InitialiseAsync(resource, asked.Config, context.RequestAborted);
                await AnswerAsync(context, new InitialiseAnswer(details), PrepareJson.Default.InitialiseAnswer, unready);
                break;
            case Initialise:
                await context.WriteErrorAsync(new LeaseError(400, "malformed", "The body is not {\"config\": …}."));
                break;
            case Observe:
                var (seen, unseen) = await local.ObserveAsync(resource, context.RequestAborted);
                await AnswerAsync(context, ObserveAnswer.Of(seen), PrepareJson.Default.ObserveAnswer, unseen);
                break;
            default:
                await context.WriteErrorAsync(new LeaseError(404, "not_found", $"Replicas ask each other for POST {Make}, {Initialise} and {Observe}."));
                break;
        }
    }

    private static async Task<InitialiseRequest?> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        try
        {
            var body = await BoundedBody.ReadAsync(request.Body, LargestBody, cancellationToken);
            return body is null ? null : JsonSerializer.Deserialize(body.Value.Span, PrepareJson.Default.InitialiseRequest);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static async Task AnswerAsync<T>(HttpContext context, T answer, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, LeaseError? error)
    {
        if (error is not null)
        {
            await context.WriteErrorAsync(error);
            return;
        }

        var body = JsonSerializer.SerializeToUtf8Bytes(answer, type);
        (context.Response.ContentType, context.Response.ContentLength) = ("application/json", body.Length);
        await context.Response.Body.WriteAsync(body, context.RequestAborted);
    }
}

internal sealed record InitialiseRequest(JsonElement? Config);

internal sealed record InitialiseAnswer(JsonElement? Details);

/// <param name="IsSomething">False: there is nothing to see.</param>
/// <param name="Screenshot">A PNG.</param>
/// <param name="AccessibilityTree">As the kind gives it.</param>
/// <param name="Text">What it says.</param>
internal sealed record ObserveAnswer(bool IsSomething, byte[]? Screenshot, JsonElement? AccessibilityTree, string? Text)
{
    public static ObserveAnswer Of(Observation? seen) => new(seen is not null, seen?.Screenshot?.ToArray(), seen?.AccessibilityTree, seen?.Text);

    public Observation? ToObservation() => IsSomething
        ? new Observation { Screenshot = Screenshot is null ? null : (ReadOnlyMemory<byte>?)Screenshot, AccessibilityTree = AccessibilityTree, Text = Text }
        : null;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ResourceInstance))]
[JsonSerializable(typeof(InitialiseRequest))]
[JsonSerializable(typeof(InitialiseAnswer))]
[JsonSerializable(typeof(ObserveAnswer))]
internal sealed partial class PrepareJson : JsonSerializerContext
{
}
