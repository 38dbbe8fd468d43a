using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Http;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Weir.Server.Keys;

#pragma warning disable MCP9006 // As in McpEvents.

namespace Weir.Server.Mcp.Transport;

/// <summary>
/// MCP over Streamable HTTP. An initialize begins a session, which lives on this replica; a request without one is answered by itself, which any
/// replica can, and is how clients of 2026-07-28 and later ask always.
/// </summary>
internal sealed class McpEndpoint(McpServers servers, McpSessions sessions, McpLostAnswers lost, McpEventBudget budget, TimeProvider time)
{
    /// <summary>The largest message, in bytes.</summary>
    public const int LargestMessage = 4 << 20;

    public async Task PostAsync(HttpContext context)
    {
        var request = context.Request;
        if (!McpRequestRules.Accepts(request, "application/json") || !McpRequestRules.Accepts(request, "text/event-stream"))
        {
            await context.WriteFaultAsync(new McpFault(406, McpFault.Transport, "Send 'Accept: application/json, text/event-stream': an answer may be either."));
            return;
        }

        var (message, fault) = await request.ReadMessageAsync(LargestMessage);
        var id = (message as JsonRpcRequest)?.Id ?? default;
        fault ??= McpRequestRules.VersionFault(request) ?? McpRequestRules.MessageFault(request, message!);
        if (fault is not null)
        {
            await context.WriteFaultAsync(fault, id);
            return;
        }

        var named = request.Headers[McpProtocol.SessionId].ToString();
        if (McpRequestRules.StandsAlone(request))
            await AnswerAloneAsync(context, message!);
        else if (message is JsonRpcRequest { Method: "initialize" } first)
            await BeginAsync(context, first);
        else if (named.Length == 0)
            await AnswerAloneAsync(context, message!);
        else if (sessions.Find(named, context.GetCaller()) is { } session && session.TryEnter())
            await AnswerInAsync(context, session, message!);
        else
            await context.WriteFaultAsync(NoSession, id);
    }

    public async Task GetAsync(HttpContext context)
    {
        if (await RefuseAsync(context)) return;
        if (!McpRequestRules.Accepts(context.Request, "text/event-stream"))
        {
            await context.WriteFaultAsync(new McpFault(406, McpFault.Transport, "Send 'Accept: text/event-stream'."));
            return;
        }

        var named = context.Request.Headers[McpProtocol.SessionId].ToString();
        if (named.Length == 0)
        {
            await context.WriteFaultAsync(new McpFault(400, McpFault.Transport, $"A stream belongs to a session: send {McpProtocol.SessionId}, as initialize answered it."));
            return;
        }

        if (sessions.Find(named, context.GetCaller()) is not { } session)
        {
            await context.WriteFaultAsync(NoSession);
            return;
        }

        using var until = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, sessions.Stopping);
        if (context.Request.Headers[McpProtocol.LastEventId].ToString() is { Length: > 0 } seen)
        {
            if (await session.Events.GetStreamReaderAsync(seen, until.Token) is { } reader)
                await ResumeAsync(context, session, reader, until.Token);
            else
                await context.WriteFaultAsync(new McpFault(400, McpFault.Transport, "That Last-Event-ID is not, or no longer, known in this session: ask again from the beginning."));
            return;
        }

        context.Response.Headers[McpProtocol.SessionId] = session.Id;
        context.BeginEvents();
        await using var answer = new McpAnswerStream(context.Response.Body, time);
        await session.ListenAsync(answer, until.Token);
    }

    public async Task DeleteAsync(HttpContext context)
    {
        if (await RefuseAsync(context)) return;
        var named = context.Request.Headers[McpProtocol.SessionId].ToString();
        if (named.Length == 0)
        {
            await context.WriteFaultAsync(new McpFault(400, McpFault.Transport, $"Send {McpProtocol.SessionId}: which session is to end?"));
            return;
        }

        if (sessions.Find(named, context.GetCaller()) is not { } session || !await sessions.EndAsync(session))
        {
            await context.WriteFaultAsync(NoSession);
            return;
        }

        await lost.ReleaseAsync(session, context.GetCaller());
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static McpFault NoSession { get; } =
        new(404, McpFault.SessionNotFound, "There is no such session here: it ended, was unused for 30 minutes, or lives on another replica. Begin a new one with initialize; leases are found again by their worker_id.");

    /// <summary>What no GET and no DELETE may be.</summary>
    private static async ValueTask<bool> RefuseAsync(HttpContext context)
    {
        var fault = McpRequestRules.VersionFault(context.Request);
        if (fault is null && McpRequestRules.StandsAlone(context.Request))
        {
            context.Response.Headers.Allow = HttpMethods.Post;
            fault = new McpFault(405, McpFault.Transport, $"Protocol version '{McpRequestRules.VersionOf(context.Request)}' has no sessions: POST subscriptions/listen to be told of changes.");
        }

        if (fault is null) return false;
        await context.WriteFaultAsync(fault);
        return true;
    }

    private async Task BeginAsync(HttpContext context, JsonRpcRequest message)
    {
        var caller = context.GetCaller();
        if ((McpRequestRules.InitializeFault(message) ?? sessions.TryTake(caller)) is { } fault)
        {
            await context.WriteFaultAsync(fault, message.Id);
            return;
        }

        var name = McpSession.NewId();
        var events = new McpEvents(name, budget, time);
        var transport = new StreamableHttpServerTransport { SessionId = name, EventStreamStore = events };
        var session = new McpSession(name, caller.KeyId, transport, servers.Create(transport), events, time);
        session.TryEnter();
        sessions.Add(session);
        await AnswerInAsync(context, session, message);
    }

    /// <summary>Answers in a session, which has been entered.</summary>
    private async Task AnswerInAsync(HttpContext context, McpSession session, JsonRpcMessage message)
    {
        var call = new McpCall(context.GetCaller(), session);
        call.AttachTo(message);
        context.Response.Headers[McpProtocol.SessionId] = session.Id;
        context.BeginEvents();
        var answered = false;
        try
        {
            await using var answer = new McpAnswerStream(context.Response.Body, time);
            if (!await session.Transport.HandlePostRequestAsync(message, answer, context.RequestAborted)) context.Accepted();
            // To take a lease back that the client was told of is worse than to keep one for a ttl that it was not.
            answered = true;
        }
        catch (Exception end) when (end is IOException or OperationCanceledException or ObjectDisposedException or ChannelClosedException)
        {
            // The client has left, or the session has ended under it.
            if (!context.RequestAborted.IsCancellationRequested) context.Abort();
        }
        finally
        {
            if (!answered && message is JsonRpcRequest { Method: "tools/call" } asked) lost.Follow(call, session, asked.Id);
            session.Leave();
        }
    }

    private async Task AnswerAloneAsync(HttpContext context, JsonRpcMessage message)
    {
        var call = new McpCall(context.GetCaller(), null);
        call.AttachTo(message);
        if (McpRequestRules.VersionOf(context.Request) is { Length: > 0 } version) message.Context!.ProtocolVersion = version;
        context.BeginEvents();

        var alone = McpRequestRules.StandsAlone(context.Request);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        var transport = new StreamableHttpServerTransport { Stateless = true };
        var server = servers.Create(transport);
        var run = server.RunAsync(over.Token);
        var answered = false;
        try
        {
            await using var answer = new McpAnswerStream(context.Response.Body, time);
            if (!await transport.HandlePostRequestAsync(message, answer, alone ? first => Begin(context, first) : null, context.RequestAborted)) context.Accepted();
            answered = true;
        }
        catch (Exception end) when (end is IOException or OperationCanceledException)
        {
            if (!context.RequestAborted.IsCancellationRequested) context.Abort();
        }
        finally
        {
            await transport.DisposeAsync();
            if (!answered) await over.CancelAsync();
            try
            {
                await run;
            }
            catch (OperationCanceledException)
            {
                // The client has left.
            }

            await server.DisposeAsync();
            if (!answered) await lost.AbandonAsync(call);
        }
    }

    private async Task ResumeAsync(HttpContext context, McpSession session, ISseEventStreamReader reader, CancellationToken cancellationToken)
    {
        if (!session.TryEnter())
        {
            await context.WriteFaultAsync(NoSession);
            return;
        }

        try
        {
            context.Response.Headers[McpProtocol.SessionId] = session.Id;
            context.BeginEvents();
            await using var answer = new McpAnswerStream(context.Response.Body, time);
            await answer.FlushAsync(cancellationToken);
            await SseFormatter.WriteAsync(reader.ReadEventsAsync(cancellationToken), answer, Format, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The client has left again, or the server stops.
        }
        finally
        {
            session.Leave();
        }
    }

    private static ValueTask Begin(HttpContext context, JsonRpcMessage? first)
    {
        if (first is JsonRpcError { Error: { } error } && !context.Response.HasStarted) context.Response.StatusCode = McpRequestRules.StatusOf(error.Code);
        return ValueTask.CompletedTask;
    }

    private static void Format(SseItem<JsonRpcMessage?> item, System.Buffers.IBufferWriter<byte> writer)
    {
        if (item.Data is null) return;
        using var json = new Utf8JsonWriter(writer);
        JsonSerializer.Serialize(json, item.Data, McpJson.Message);
    }
}
