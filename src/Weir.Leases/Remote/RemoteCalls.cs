using System.Text;
using System.Text.Json;
using Weir.Leases.Doors;
using Weir.Leases.Doors.Forwarding;
using Weir.Leases.Kinds;
using Weir.State.Texts;

namespace Weir.Leases.Remote;

/// <summary>What Weir itself asks of a remote endpoint. Every answer is read up to a bound, and every failure is a sentence that names the endpoint, not its address.</summary>
internal sealed class RemoteCalls(Upstreams upstreams)
{
    private const int LongestReason = 500;

    /// <param name="endpoint">Whom.</param>
    /// <param name="method">The verb.</param>
    /// <param name="path">Below its base.</param>
    /// <param name="body">JSON. Null: none.</param>
    /// <param name="most">The largest answer, in bytes.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<KindResult<RemoteAnswer>> AskAsync(
        RemoteEndpointOptions endpoint, HttpMethod method, string path, byte[]? body, int most, CancellationToken cancellationToken)
    {
        var target = TargetOf(endpoint);
        var shown = ShownOf(path);
        var query = path[shown.Length..];
        var address = target.AddressOf(shown, query);
        using var request = new HttpRequestMessage(method, address);
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        }

        foreach (var (name, value) in endpoint.Headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, value))
                request.Content?.Headers.TryAddWithoutValidation(name, value);
        }

        try
        {
            using var answer = await upstreams.SendAsync(request, cancellationToken);
            await using var stream = await answer.Content.ReadAsStreamAsync(cancellationToken);
            if (!answer.IsSuccessStatusCode)
                return KindResult.Failed<RemoteAnswer>(Refused(target, method, shown, (int)answer.StatusCode, await BoundedBody.ReadStartOfAsync(stream, LongestReason * 4, cancellationToken), [.. endpoint.Headers.Values, query]));
            return await BoundedBody.ReadAsync(stream, most, cancellationToken) is { } read
                ? KindResult.Of(new RemoteAnswer(answer.Content.Headers.ContentType?.MediaType ?? "", read))
                : KindResult.Failed<RemoteAnswer>(new LeaseError(502, "upstream_broken", $"{target.Name} answered {method} {shown} with more than {most >> 20} MB."));
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested && fault is HttpRequestException or IOException or OperationCanceledException)
        {
            var why = fault is HttpRequestException { HttpRequestError: not HttpRequestError.Unknown } told ? $" ({told.HttpRequestError})" : "";
            return KindResult.Failed<RemoteAnswer>(new LeaseError(502, "upstream_unreachable", $"{target.Name} cannot be reached for {method} {shown}{why}."));
        }
    }

    /// <summary>A path as sentences name it: its query may hold a secret.</summary>
    public static string ShownOf(string path) => path.IndexOf('?', StringComparison.Ordinal) is >= 0 and var queryAt ? path[..queryAt] : path;

    public static ForwardTarget TargetOf(RemoteEndpointOptions endpoint) => new(new Uri(endpoint.BaseUrl), endpoint.Headers) { Name = $"The endpoint '{endpoint.Id}'" };

    // It is read by whoever holds the lease, and logged: what was sent is not to be in it, although what answers may say all that it was sent.
    private static LeaseError Refused(ForwardTarget target, HttpMethod method, string path, int status, ReadOnlyMemory<byte> body, IReadOnlyList<string> sent)
    {
        var said = RemoteSecrets.Hide(Encoding.UTF8.GetString(body.Span), sent);
        var text = new string([.. said.Trim().Take(LongestReason).Select(c => char.IsControl(c) ? ' ' : c)]);
        return new LeaseError(502, "upstream_refused", $"{target.Name} answered {method} {path} with {status}{(text.Length > 0 ? ": " + text : ".")}");
    }
}

/// <param name="MediaType">Empty: it did not say.</param>
/// <param name="Body">All of it.</param>
internal readonly record struct RemoteAnswer(string MediaType, ReadOnlyMemory<byte> Body)
{
    /// <param name="mostLevels">The most arrays and objects within each other.</param>
    /// <returns>What it says, or why that cannot be kept; both null: it is not JSON.</returns>
    public (JsonElement? Json, JsonFault? Fault) ToJson(int mostLevels)
    {
        var (json, fault) = ForeignJson.Read(Body.Span, mostLevels);
        return (json, fault is { Sort: JsonFaultSort.Malformed } ? null : fault);
    }
}
