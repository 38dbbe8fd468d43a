using System.Text.Json;
using System.Text.Json.Serialization;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops;

/// <summary>What a call through a desktop's door comes down to.</summary>
internal static class DesktopVerbs
{
    /// <summary><c>screenshot</c> (a PNG; <c>{"cursor": true}</c> draws the pointer), <c>actions</c>, <c>accessibility_tree</c>, <c>health</c>.</summary>
    /// <returns>Null: there is no such verb.</returns>
    public static async ValueTask<KindReply?> UseAsync(DesktopScreen screen, KindCall call, CancellationToken cancellationToken)
    {
        switch (call.Verb, call.Method)
        {
            case ("screenshot", "GET" or "POST"):
                var (withCursor, fault) = CursorOf(call.Body);
                if (fault is not null)
                    return KindReply.Failed(fault);
                var (png, unseen) = await screen.CaptureAsync(withCursor, cancellationToken).ConfigureAwait(false);
                return unseen is null ? KindReply.Png(png) : KindReply.Failed(unseen);
            case ("actions", "POST"):
                if (call.Body is not { } body)
                    return KindReply.Failed(new LeaseError(400, "malformed", "A list of actions must be sent: [{\"type\":\"click\",\"x\":100,\"y\":200}]."));
                var (report, error) = await screen.ActAsync(body, cancellationToken).ConfigureAwait(false);
                error ??= report.Error;
                return error is null ? KindReply.Json(new ActionsAnswer(report.Done), DesktopJson.Default.ActionsAnswer) : KindReply.Failed(error);
            case ("accessibility_tree", "GET" or "POST"):
                var (tree, unread) = await screen.TreeAsync(cancellationToken).ConfigureAwait(false);
                return unread is null ? KindReply.Json(tree, DesktopJson.Default.JsonElement) : KindReply.Failed(unread);
            case ("health", "GET"):
                return await screen.IsAliveAsync(cancellationToken).ConfigureAwait(false) is { } dead
                    ? KindReply.Failed(dead)
                    : KindReply.Json(new HealthAnswer("ok"), DesktopJson.Default.HealthAnswer);
            default:
                return null;
        }
    }

    private static (bool WithCursor, LeaseError? Fault) CursorOf(JsonElement? body)
    {
        if (body is not { } given || given.ValueKind == JsonValueKind.Null)
            return (false, null);
        if (given.ValueKind != JsonValueKind.Object)
            return (false, new LeaseError(422, "invalid_value", "A screenshot takes an object: {\"cursor\":true}, or nothing."));
        if (!given.TryGetProperty("cursor", out var cursor))
            return (false, null);
        return cursor.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? (cursor.GetBoolean(), null)
            : (false, new LeaseError(422, "invalid_value", "cursor must be true or false.") { Param = "cursor" });
    }
}

internal sealed record ActionsAnswer(int Done);

internal sealed record HealthAnswer(string Status);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ActionsAnswer))]
[JsonSerializable(typeof(HealthAnswer))]
[JsonSerializable(typeof(JsonElement))]
internal sealed partial class DesktopJson : JsonSerializerContext
{
}
