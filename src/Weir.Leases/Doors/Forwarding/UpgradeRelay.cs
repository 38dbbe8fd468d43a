using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Weir.Leases.Doors.Forwarding;

/// <summary>
/// A WebSocket as two streams of bytes: frames, extensions, pings and close codes are between client and resource, and none of ours.
/// </summary>
internal static class UpgradeRelay
{
    /// <summary>Asks the other side for what the client asked for.</summary>
    public static void Offer(HttpRequest request, HttpRequestMessage message)
    {
        message.Headers.TryAddWithoutValidation("Connection", "Upgrade");
        message.Headers.TryAddWithoutValidation("Upgrade", "websocket");
        var offered = request.Headers.GetCommaSeparatedValues("Sec-WebSocket-Protocol").Where(protocol => protocol != DoorRequest.PlainProtocol);
        if (string.Join(", ", offered) is { Length: > 0 } protocols)
            message.Headers.TryAddWithoutValidation("Sec-WebSocket-Protocol", protocols);
    }

    /// <summary>Runs until one side has closed its connection and the other has had a moment for what it still had to say.</summary>
    public static async Task RunAsync(HttpContext context, IHttpUpgradeFeature upgrade, HttpResponseMessage answer, TimeSpan closeWithin, TimeProvider time)
    {
        var response = context.Response;
        response.ContentLength = null;
        response.Headers.Upgrade = "websocket";
        // Browsers want one of theirs to be chosen.
        if (response.Headers.SecWebSocketProtocol.Count == 0
            && context.Request.Headers.GetCommaSeparatedValues("Sec-WebSocket-Protocol").Contains(DoorRequest.PlainProtocol))
            response.Headers.SecWebSocketProtocol = DoorRequest.PlainProtocol;

        await using var client = await upgrade.UpgradeAsync();
        await using var resource = await answer.Content.ReadAsStreamAsync(context.RequestAborted);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        var back = StreamRelay.CopyAsync(resource, client, idle: null, time, ends.Token);
        var forth = StreamRelay.CopyAsync(client, resource, idle: null, time, ends.Token);
        var first = await Task.WhenAny(back, forth);
        if (first == forth)
            await Task.WhenAny(back, Task.Delay(closeWithin, time, ends.Token));
        await ends.CancelAsync();
        try
        {
            await Task.WhenAll(back, forth);
        }
        catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
        {
            // The side that was still open.
        }
        catch (IOException) when (first.IsCompletedSuccessfully)
        {
            // It closed a connection that was ending.
        }
    }
}
