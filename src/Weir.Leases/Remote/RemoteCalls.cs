using System.Text;
using System.Text.Json;
using Weir.Leases.Doors;
using Weir.Leases.Doors.Forwarding;
using Weir.Leases.Kinds;

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
        var queryAt = path.IndexOf('?', StringComparison.Ordinal);
        var address = queryAt < 0 ? target.AddressOf(path, "") : target.AddressOf(path[..queryAt], path[queryAt..]);
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
                return KindResult.Failed<RemoteAnswer>(Refused(target, method, path, (int)answer.StatusCode, await BoundedBody.ReadStartOfAsync(stream, LongestReason * 4, cancellationToken)));
            return await BoundedBody.ReadAsync(stream, most, cancellationToken) is { } read
                ? KindResult.Of(new RemoteAnswer(answer.Content.Headers.ContentType?.MediaType ?? "", read))
                : KindResult.Failed<RemoteAnswer>(new LeaseError(502, "upstream_broken", $"{target.Name} answered {method} {path} with more than {most >> 20} MB."));
        }
        catch (Exception fault) when (!cancellationToken.IsCancellationRequested && fault is HttpRequestException or IOException or OperationCanceledException)
        {
            var why = fault is HttpRequestException { HttpRequestError: not HttpRequestError.Unknown } told ? $" ({told.HttpRequestError})" : "";
            return KindResult.Failed<RemoteAnswer>(new LeaseError(502, "upstream_unreachable", $"{target.Name} cannot be reached for {method} {path}{why}."));
        }
    }

    public static ForwardTarget TargetOf(RemoteEndpointOptions endpoint) => new(new Uri(endpoint.BaseUrl), endpoint.Headers) { Name = $"The endpoint '{endpoint.Id}'" };

    private static LeaseError Refused(ForwardTarget target, HttpMethod method, string path, int status, ReadOnlyMemory<byte> body)
    {
        var text = new string([.. Encoding.UTF8.GetString(body.Span).Trim().Take(LongestReason).Select(c => char.IsControl(c) ? ' ' : c)]);
        return new LeaseError(502, "upstream_refused", $"{target.Name} answered {method} {path} with {status}{(text.Length > 0 ? ": " + text : ".")}");
    }
}

/// <param name="MediaType">Empty: it did not say.</param>
/// <param name="Body">All of it.</param>
internal readonly record struct RemoteAnswer(string MediaType, ReadOnlyMemory<byte> Body)
{
    /// <returns>Null: it is not JSON.</returns>
    public JsonElement? ToJson()
    {
        try
        {
            using var document = JsonDocument.Parse(Body);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
