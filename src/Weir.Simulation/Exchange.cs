using System.Buffers;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Weir.Simulation.Answers;
using Weir.Simulation.Control;
using Weir.Simulation.Dialects;
using Weir.Simulation.Faults;
using Weir.Simulation.Streaming;

namespace Weir.Simulation;

/// <summary>One request: read, refuse or draw its fate, and let that happen.</summary>
internal sealed class Exchange(HttpContext context, Simulator simulator, Dialect dialect, CancellationToken stopping)
{
    /// <summary>Bytes gathered before an unpaced stream is sent on.</summary>
    private const int FlushAt = 16 * 1024;

    /// <summary>Time for what was flushed to leave before the connection is reset under it.</summary>
    private static readonly TimeSpan Settle = TimeSpan.FromMilliseconds(10);

    private readonly TimeProvider _time = simulator.Time;
    private readonly CancellationToken _left = context.RequestAborted;

    private bool IsAnthropic => dialect.Shape == Shape.Anthropic;

    public async Task RunAsync()
    {
        using var call = simulator.Stats.Begin(context.Request.Path.Value!);
        try
        {
            await ServeAsync(call);
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException && (_left.IsCancellationRequested || stopping.IsCancellationRequested))
        {
            // The call says so by its ending.
        }
        catch (BadHttpRequestException bad) when (!context.Response.HasStarted)
        {
            call.Ending = Ending.Rejected;
            await RejectAsync(new(bad.StatusCode, bad.Message, "invalid_request_error"));
        }
    }

    private async Task ServeAsync(SimulationStats.Call call)
    {
        using var body = await RequestBody.ReadAsync(context.Request, _left);
        if (Refuse(body, out var prompt) is { } rejection)
        {
            call.Ending = rejection.Status == 429 ? Ending.RateLimited : Ending.Rejected;
            await RejectAsync(rejection);
            return;
        }

        call.Saw(prompt!.Model, Prompt.Fingerprint(prompt.Texts[0]));
        var (options, fate) = simulator.Draw();
        context.Response.Headers[IsAnthropic ? "request-id" : "x-request-id"] = "req_" + fate.Id.ToString("x16", CultureInfo.InvariantCulture);
        switch (fate.Kind)
        {
            case FateKind.Reset:
                call.Ending = Ending.Reset;
                ResetConnection();
                return;
            case FateKind.Hang:
                call.Ending = Ending.Hang;
                await SilenceAsync();
                return;
        }

        await DelayAsync(fate.Latency);
        if (fate.Kind == FateKind.Error)
        {
            call.Ending = Ending.Error;
            if (fate.Status == 429)
                context.Response.Headers.RetryAfter = "1";
            await RejectAsync(Rejection.Drawn(fate.Status));
            return;
        }

        var isCached = prompt.Instructions.Length > 0 && simulator.Cache.Touch(prompt.Instructions);
        var answer = new Answer(prompt, options, fate.Id, _time.GetUtcNow().ToUnixTimeSeconds(), isCached);
        call.Ending = prompt.Stream ? await StreamAsync(answer, fate, options) : await AnswerAsync(answer, fate, options);
    }

    /// <summary>The reason not to serve the request, before any fate; null with the prompt when there is none.</summary>
    private Rejection? Refuse(JsonDocument? body, out Prompt? prompt)
    {
        prompt = null;
        var options = simulator.Settings;
        var sent = context.Request.Headers;
        if (options.ApiKey is { } key && sent.Authorization != "Bearer " + key && !(IsAnthropic && sent["x-api-key"] == key))
            return Rejection.WrongKey;
        if (IsAnthropic && sent["anthropic-version"].Count == 0)
            return Rejection.Invalid("anthropic-version: header is required");
        if (body is null)
            return Rejection.Invalid("The body of your request is not a JSON object.");
        Prompt? read;
        try
        {
            if (!dialect.TryRead(body.RootElement, out read, out var rejection))
                return rejection;
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair in an escape: well-formed JSON, and no text.
            return Rejection.Invalid("The body of your request holds a string that is not valid Unicode.");
        }

        if (!options.Serves(read.Model))
            return Rejection.UnknownModel(read.Model);

        if (options.RequestsPerMinute > 0)
        {
            var taken = simulator.Bucket.Take(options.RequestsPerMinute);
            var headers = context.Response.Headers;
            WriteLimit(headers, options.RequestsPerMinute, taken);
            if (!taken.Granted)
            {
                headers.RetryAfter = Math.Max(1, Math.Ceiling(taken.RetryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
                headers["retry-after-ms"] = Math.Ceiling(taken.RetryAfter.TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
                return Rejection.RateLimited(options.RequestsPerMinute, taken.RetryAfter);
            }
        }

        prompt = read;
        return null;
    }

    private void WriteLimit(IHeaderDictionary headers, int perMinute, RequestBucket.Taken taken)
    {
        var (limit, remaining) = (perMinute.ToString(CultureInfo.InvariantCulture), taken.Remaining.ToString(CultureInfo.InvariantCulture));
        if (IsAnthropic)
        {
            headers["anthropic-ratelimit-requests-limit"] = limit;
            headers["anthropic-ratelimit-requests-remaining"] = remaining;
            headers["anthropic-ratelimit-requests-reset"] = (_time.GetUtcNow() + taken.FullIn).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
            return;
        }

        headers["x-ratelimit-limit-requests"] = limit;
        headers["x-ratelimit-remaining-requests"] = remaining;
        headers["x-ratelimit-reset-requests"] = string.Create(CultureInfo.InvariantCulture, $"{taken.FullIn.TotalSeconds:0.###}s");
    }

    private async Task<Ending> AnswerAsync(Answer answer, Fate fate, SimulationOptions options)
    {
        await DelayAsync(new TokenPacer(_time, options.TokensPerSecond).Until(answer.TokenCount));
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, SimulationJson.Writer))
            dialect.WriteAnswer(json, answer);

        var response = context.Response;
        response.ContentType = "application/json";
        response.ContentLength = buffer.WrittenCount;
        if (fate.Kind is FateKind.Cut or FateKind.Stall)
        {
            response.BodyWriter.Write(buffer.WrittenSpan[..Break(fate, buffer.WrittenCount)]);
            await response.BodyWriter.FlushAsync(_left);
            return await BreakOffAsync(fate);
        }

        response.BodyWriter.Write(buffer.WrittenSpan);
        await response.BodyWriter.FlushAsync(_left);
        dialect.Sent(answer);
        return Ending.Answered;
    }

    private async Task<Ending> StreamAsync(Answer answer, Fate fate, SimulationOptions options)
    {
        var response = context.Response;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        using var events = new EventWriter(response.BodyWriter);
        var pacer = new TokenPacer(_time, options.TokensPerSecond);
        var end = fate.Kind == FateKind.Answer ? answer.TokenCount : Break(fate, answer.TokenCount);

        dialect.WriteStart(events, answer);
        for (var index = 0; index < end; index++)
        {
            var wait = pacer.Until(index);
            if (wait > TimeSpan.Zero)
            {
                await events.FlushAsync(_left);
                await Task.Delay(wait, _time, _left);
            }
            else if (events.Unflushed >= FlushAt)
            {
                await events.FlushAsync(_left);
            }

            for (var choice = 0; choice < answer.Choices.Length; choice++)
                dialect.WriteToken(events, answer, choice, index);
        }

        if (fate.Kind == FateKind.Answer)
            dialect.WriteEnd(events, answer);
        await events.FlushAsync(_left);
        if (fate.Kind != FateKind.Answer)
            return await BreakOffAsync(fate);
        dialect.Sent(answer);
        return Ending.Answered;
    }

    /// <summary>Where an answer of this length breaks off: something is sent, and not everything, where it has two parts or more.</summary>
    private static int Break(Fate fate, int length) => Math.Clamp((int)(fate.Point * length), 1, Math.Max(1, length - 1));

    private async Task<Ending> BreakOffAsync(Fate fate)
    {
        switch (fate.Kind)
        {
            case FateKind.Cut:
                await DelayAsync(Settle);
                ResetConnection();
                return Ending.Cut;
            case FateKind.Stall:
                await SilenceAsync();
                return Ending.Stall;
            default:
                return Ending.Truncated;
        }
    }

    /// <summary>Says nothing until the client leaves or the provider stops.</summary>
    private async Task SilenceAsync()
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(_left, stopping);
        await Task.Delay(Timeout.InfiniteTimeSpan, _time, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        context.Abort();
    }

    private Task DelayAsync(TimeSpan wait) => wait > TimeSpan.Zero ? Task.Delay(wait, _time, _left) : Task.CompletedTask;

    private void ResetConnection()
    {
        // Closing with a linger time of zero sends RST instead of FIN.
        if (context.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket)
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        context.Abort();
    }

    private async Task RejectAsync(Rejection rejection)
    {
        context.Response.StatusCode = rejection.Status;
        await ErrorBody.WriteAsync(context.Response, rejection, _left, dialect.Shape);
    }
}
