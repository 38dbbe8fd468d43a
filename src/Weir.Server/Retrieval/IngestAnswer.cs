using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Collections.Ingest;
using Weir.Server.Endpoints;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.State;

namespace Weir.Server.Retrieval;

/// <summary>Runs an ingest and tells what came of it: at its end, or as server-sent events while it goes on.</summary>
internal sealed partial class IngestAnswer(HttpContext context, Func<Func<IngestReport, ValueTask>?, CancellationToken, Task<IngestOutcome>> ingest)
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10);

    public static bool WantsEvents(HttpRequest request) =>
        request.Headers.Accept.Any(accept => accept?.Contains("text/event-stream", StringComparison.OrdinalIgnoreCase) == true);

    public async Task WriteAsync()
    {
        if (WantsEvents(context.Request))
        {
            await StreamAsync();
            return;
        }

        var (report, error) = await ingest(null, context.RequestAborted);
        if (error is null)
            await context.Response.WriteJsonAsync(new IngestView(null, report));
        else
            await context.WriteErrorAsync(Told(error.ToApiError(), report));
    }

    // What is in stays in, and costs nothing to send again.
    private static ApiError Told(ApiError error, IngestReport report) => report.Documents + report.Unchanged == 0 || error.Status == StatusCodes.Status409Conflict
        ? error
        : error with { Message = $"{error.Message} {report.Documents} documents of this request are stored already: send all of it again, what is there is not embedded twice." };

    private async Task StreamAsync()
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.StartAsync(context.RequestAborted);
        // Of progress only the latest counts.
        var reports = Channel.CreateBounded<IngestReport>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });
        var running = RunAsync(reports.Writer);
        try
        {
            await TellAsync(reports.Reader);
        }
        finally
        {
            // It reads the request: that must not end before it, also where nobody can be told any more.
            await running;
        }

        var (last, error) = await running;
        if (context.RequestAborted.IsCancellationRequested) return;
        await (error is null ? SendAsync(new IngestView("done", last)) : SendAsync(new IngestView("error", last) { Code = error.Code, Message = Told(error, last).Message }));
    }

    private async Task TellAsync(ChannelReader<IngestReport> reports)
    {
        while (true)
        {
            using var silence = new CancellationTokenSource(Silence, context.Time());
            using var ends = CancellationTokenSource.CreateLinkedTokenSource(silence.Token, context.RequestAborted);
            try
            {
                if (!await reports.WaitToReadAsync(ends.Token)) break;
                while (reports.TryRead(out var report)) await SendAsync(new IngestView("progress", report with { Failed = [] }));
            }
            catch (OperationCanceledException) when (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.Body.WriteAsync(": \n\n"u8.ToArray(), context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }
    }

    private async Task<(IngestReport Report, ApiError? Error)> RunAsync(ChannelWriter<IngestReport> reports)
    {
        var last = new IngestReport();
        try
        {
            var (report, error) = await ingest(
                progress =>
                {
                    last = progress;
                    reports.TryWrite(progress);
                    return ValueTask.CompletedTask;
                },
                context.RequestAborted);
            return (report, error?.ToApiError());
        }
        catch (StoreUnavailableException fault)
        {
            return (last, new ApiError(503, "state_unavailable", fault.Message));
        }
        catch (Exception fault) when (fault is OperationCanceledException or IOException)
        {
            return (last, new ApiError(400, "upload_broken", "The body ended before its end."));
        }
        catch (InvalidDataException fault)
        {
            return (last, new ApiError(413, "body_too_large", fault.Message));
        }
        catch (Exception fault)
        {
            // The answer has begun: what would be a 500 is its last event.
            LogFault(context.Service<ILogger<IngestAnswer>>(), fault);
            return (last, new ApiError(500, "internal_error", "Weir failed to take these documents in; its log says why."));
        }
        finally
        {
            reports.Complete();
        }
    }

    private async Task SendAsync(IngestView view)
    {
        await context.Response.Body.WriteAsync("data: "u8.ToArray(), context.RequestAborted);
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(view, WireJson.Options), context.RequestAborted);
        await context.Response.Body.WriteAsync("\n\n"u8.ToArray(), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    [LoggerMessage(EventName = "IngestFault", Level = LogLevel.Error, Message = "Taking documents in failed in a way that nobody foresaw.")]
    private static partial void LogFault(ILogger logger, Exception exception);
}

/// <summary>What an ingest has come to: the answer, and each of its events.</summary>
internal sealed record IngestView
{
    public IngestView(string? type, IngestReport report) =>
        (Type, Documents, Chunks, Unchanged, Failed, FailedTotal) = (type, report.Documents, report.Chunks, report.Unchanged, report.Failed, report.FailedTotal);

    /// <summary>progress, done or error; null where it is no event.</summary>
    public string? Type { get; }

    /// <summary>Stored by this request, new or changed.</summary>
    public int Documents { get; }

    /// <summary>Of those documents.</summary>
    public int Chunks { get; }

    /// <summary>Were there already with the same text and metadata.</summary>
    public int Unchanged { get; }

    /// <summary>The first thousand at most; in progress events none.</summary>
    public IReadOnlyList<IngestFailure> Failed { get; }

    public int FailedTotal { get; }

    public string? Code { get; init; }

    public string? Message { get; init; }
}
