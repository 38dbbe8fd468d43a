using System.Net.Http.Headers;

namespace Weir.Inference.Attempts;

/// <summary>The provider's own id of a request, for asking its support about it.</summary>
internal static class UpstreamId
{
    private const int Longest = 200;

    public static string? Of(HttpResponseHeaders headers) => Named("x-request-id", headers) ?? Named("request-id", headers);

    private static string? Named(string name, HttpResponseHeaders headers) =>
        headers.TryGetValues(name, out var values) && values.FirstOrDefault() is { Length: > 0 and <= Longest } id && IsPlain(id) ? id : null;

    private static bool IsPlain(string text) => !text.AsSpan().ContainsAnyExceptInRange('!', '~');
}
