using System.Text;
using System.Text.Json;
using Weir.Leases.Kinds;

namespace Weir.Leases.Remote;

/// <summary>What an endpoint shows: a PNG, a JSON object with <c>screenshot</c> (Base64), <c>accessibility_tree</c> and <c>text</c>, or plain text.</summary>
internal static class RemoteObservation
{
    private static ReadOnlySpan<byte> PngStart => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    public static KindResult<Observation?> Read(RemoteAnswer answer, string endpoint)
    {
        if (answer.Body.IsEmpty)
            return KindResult.Of<Observation?>(null);
        if (answer.MediaType.Equals("image/png", StringComparison.OrdinalIgnoreCase))
            return IsPng(answer.Body.Span) ? KindResult.Of<Observation?>(new Observation { Screenshot = answer.Body }) : Broken(endpoint, "an image that is no PNG");
        if (answer.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase))
        {
            // The tree is one level within it.
            var (told, fault) = answer.ToJson(KindLevels.Tree + 1);
            if (fault is not null)
                return KindResult.Failed<Observation?>(new LeaseError(502, "upstream_broken", fault.SentenceOf($"What the endpoint '{endpoint}' shows")));
            return told is { ValueKind: JsonValueKind.Object } json ? Read(json, endpoint) : Broken(endpoint, "JSON that is no object");
        }

        return answer.MediaType.Length == 0 || answer.MediaType.StartsWith("text/", StringComparison.OrdinalIgnoreCase)
            ? KindResult.Of<Observation?>(new Observation { Text = Encoding.UTF8.GetString(answer.Body.Span) })
            : Broken(endpoint, $"{answer.MediaType}, which is neither JSON nor image/png nor text");
    }

    private static KindResult<Observation?> Read(JsonElement json, string endpoint)
    {
        byte[]? screenshot = null;
        if (Of(json, "screenshot") is { } image && (image.ValueKind != JsonValueKind.String || !image.TryGetBytesFromBase64(out screenshot) || !IsPng(screenshot)))
            return Broken(endpoint, "a 'screenshot' that is no PNG in Base64");
        var text = Of(json, "text");
        if (text is { ValueKind: not JsonValueKind.String })
            return Broken(endpoint, "a 'text' that is no string");
        return KindResult.Of<Observation?>(new Observation
        {
            Screenshot = screenshot is null ? null : (ReadOnlyMemory<byte>?)screenshot,
            AccessibilityTree = Of(json, "accessibility_tree"),
            Text = text?.GetString(),
        });
    }

    private static JsonElement? Of(JsonElement json, string name) => json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static bool IsPng(ReadOnlySpan<byte> bytes) => bytes.StartsWith(PngStart);

    private static KindResult<Observation?> Broken(string endpoint, string what) =>
        KindResult.Failed<Observation?>(new LeaseError(502, "upstream_broken", $"The endpoint '{endpoint}' was asked what it shows, and answered with {what}."));
}
