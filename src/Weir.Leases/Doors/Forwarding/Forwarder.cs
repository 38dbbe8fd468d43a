using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Weir.Leases.Doors.Forwarding;

/// <summary>
/// Hands a request that came through a door on, and its answer back, both as they come. What fails before the answer has begun is an error; afterwards the
/// connection is broken off, so that half an answer never looks whole.
/// </summary>
internal sealed partial class Forwarder(Upstreams upstreams, ForwardLimits limits, TimeProvider time, ILogger<Forwarder> log)
{
    private const long AskedFirst = 1 << 20;

    public async Task ForwardAsync(HttpContext context, DoorRequest door, ForwardTarget target)
    {
        var gone = context.RequestAborted;
        var upgrade = context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true } feature
            && context.Request.Headers.Upgrade.Any(value => string.Equals(value, "websocket", StringComparison.OrdinalIgnoreCase)) ? feature : null;
        var body = upgrade is null && (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? context.Request.ContentLength is not null)
            ? new ForwardedBody(context.Request, time)
            : null;
        using var message = new HttpRequestMessage(new HttpMethod(context.Request.Method), target.AddressOf(door.Path, door.Query))
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = body is not null ? body : context.Request.ContentLength is 0 ? new ByteArrayContent([]) : null,
        };
        ForwardedHeaders.Send(context, door, target, message);
        // One that will not have the body says so before it is sent; afterwards its answer would be lost with the connection.
        message.Headers.ExpectContinue = body is not null && context.Request.ContentLength is null or > AskedFirst ? true : null;
        if (upgrade is not null)
            UpgradeRelay.Offer(context.Request, message);

        // Until the head has come; afterwards only silence counts.
        using var head = new CancellationTokenSource(limits.HeadWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(gone, head.Token);
        HttpResponseMessage answer;
        try
        {
            answer = await upstreams.SendAsync(message, either.Token);
        }
        catch (Exception fault) when (!gone.IsCancellationRequested && fault is HttpRequestException or IOException or OperationCanceledException)
        {
            if (body?.Fault is { } bodyFault)
                throw bodyFault;
            await context.WriteErrorAsync(ErrorOf(fault, target, head.IsCancellationRequested));
            return;
        }

        using (answer)
        {
            head.CancelAfter(Timeout.InfiniteTimeSpan);
            context.Response.StatusCode = (int)answer.StatusCode;
            ForwardedHeaders.Answer(answer, context.Response, door, target);
            try
            {
                if (answer.StatusCode == HttpStatusCode.SwitchingProtocols)
                    await UpgradeRelay.RunAsync(context, upgrade!, answer, limits.CloseWithin, time);
                else
                    await AnswerAsync(context, answer);
            }
            catch (Exception fault) when (!gone.IsCancellationRequested && fault is HttpRequestException or IOException or TimeoutException)
            {
                // The other side died in the middle, or the client did: either way there is no whole answer.
                LogBrokenOff(target.Name, fault.Message);
                context.Abort();
            }
        }
    }

    private async Task AnswerAsync(HttpContext context, HttpResponseMessage answer)
    {
        var response = context.Response;
        // The head goes at once: a stream may be silent for long before its first event.
        await response.Body.FlushAsync(context.RequestAborted);
        if (HttpMethods.IsHead(context.Request.Method) || (int)answer.StatusCode is 204 or 304)
            return;
        await using (var from = await answer.Content.ReadAsStreamAsync(context.RequestAborted))
            await StreamRelay.CopyAsync(from, response.Body, limits.IdleWithin, time, context.RequestAborted);
    }

    private static LeaseError ErrorOf(Exception fault, ForwardTarget target, bool isLate)
    {
        if (isLate)
            return new LeaseError(504, "upstream_timeout", $"{target.Name} did not answer in time.");
        return fault is HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError } or OperationCanceledException
            ? new LeaseError(502, "upstream_unreachable", $"{target.Name} cannot be reached.") { RetryAfter = TimeSpan.FromSeconds(1) }
            : new LeaseError(502, "upstream_broken", $"{target.Name} broke the request off, or gave an answer that is not HTTP.");
    }

    [LoggerMessage(EventName = "DoorBrokenOff", Level = LogLevel.Information, Message = "An answer of {Target} was broken off: {Reason}")]
    private partial void LogBrokenOff(string target, string reason);
}
