using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Weir.Retrieval.Catalogs.Documents;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>One connection to a server, from its handshake until either side ends it.</summary>
internal sealed class McpSession : IAsyncDisposable
{
    private static readonly TimeSpan ListenAgain = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan DisposeWithin = TimeSpan.FromSeconds(2);

    private readonly McpChannel _channel;
    private readonly McpClient _client;
    private readonly Channel<bool> _changes;
    private readonly McpSource _source;
    private readonly CatalogLimits _catalog;
    private readonly McpLimits _limits;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _closing = new();
    private readonly Task _listening;

    private McpSession(McpChannel channel, McpClient client, Channel<bool> changes, McpSource source, CatalogLimits catalog, McpLimits limits, TimeProvider time)
    {
        (_channel, _client, _changes, _source, _catalog, _limits, _time) = (channel, client, changes, source, catalog, limits, time);
        // From this revision of the protocol on, changes are announced only to who listens.
        var mustListen = string.CompareOrdinal(client.NegotiatedProtocolVersion, "2026-07-28") >= 0;
        _listening = mustListen && client.ServerCapabilities.Tools?.ListChanged == true ? ListenAsync(_closing.Token) : Task.CompletedTask;
    }

    /// <exception cref="McpFaultException">It could not be connected, and why.</exception>
    public static async Task<McpSession> OpenAsync(
        IMcpTransports transports, McpSource source, CatalogLimits catalog, McpLimits limits, TimeProvider time, CancellationToken cancellationToken)
    {
        var channel = transports.Open(source);
        // Of many announcements one is enough: what is read after it is the newest.
        var changes = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        // What was announced after a stream of announcements broke is unknown, and so is whether the server lives: reading the list tells both.
        channel.OnInterrupted(() => changes.Writer.TryWrite(true));
        using var limit = new CancellationTokenSource(limits.ConnectWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var options = new McpClientOptions
            {
                ClientInfo = new Implementation { Name = "weir", Version = typeof(McpSession).Assembly.GetName().Version?.ToString(3) ?? "0" },
                InitializationTimeout = limits.ConnectWithin,
                Handlers = new McpClientHandlers
                {
                    NotificationHandlers =
                    [
                        new(NotificationMethods.ToolListChangedNotification, (_, _) =>
                        {
                            changes.Writer.TryWrite(true);
                            return ValueTask.CompletedTask;
                        }),
                    ],
                },
            };
            // The library logs what servers send: none of that is for our log.
            var connecting = McpClient.CreateAsync(channel.Transport, options, NullLoggerFactory.Instance, either.Token);
            // A program that does not read leaves the library waiting in a write that nothing but the program's end ends.
            var client = await connecting.WaitAsync(either.Token).ConfigureAwait(false);
            return new McpSession(channel, client, changes, source, catalog, limits, time);
        }
        catch (Exception fault)
        {
            var fate = channel.Fate;
            await channel.DisposeAsync().ConfigureAwait(false);
            if (fault is OperationCanceledException && cancellationToken.IsCancellationRequested)
                throw;
            throw Fault(source, fault, limit.IsCancellationRequested ? $"It did not finish the handshake within {limits.ConnectWithin.TotalSeconds:0} s." : null, fate);
        }
    }

    /// <summary>All pages of its tools.</summary>
    /// <exception cref="McpFaultException">There is no list, and why.</exception>
    public async Task<McpListing> ListAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(_limits.ListWithin, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await ReadPagesAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception fault)
        {
            throw Fault(_source, fault, limit.IsCancellationRequested ? $"It did not answer tools/list within {_limits.ListWithin.TotalSeconds:0} s." : null, _channel.Fate);
        }
    }

    /// <summary>Returns when a change was announced, or the time is over.</summary>
    /// <exception cref="McpFaultException">The connection ended, and why.</exception>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(atMost, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var changed = _changes.Reader.ReadAsync(either.Token).AsTask();
        await Task.WhenAny(changed, _client.Completion).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        if (_client.Completion.IsCompleted)
        {
            await either.CancelAsync().ConfigureAwait(false);
            var details = await _client.Completion.ConfigureAwait(false);
            throw Fault(_source, details.Exception ?? new McpFaultException("It ended the connection."), null, _channel.Fate);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        if (_channel is McpProcess)
        {
            // First its program: the client's own end waits for streams that only the program's end closes.
            await _channel.DisposeAsync().ConfigureAwait(false);
            await EndAsync().ConfigureAwait(false);
        }
        else
        {
            await EndAsync().ConfigureAwait(false);
            await _channel.DisposeAsync().ConfigureAwait(false);
        }

        await _listening.ConfigureAwait(false);
        _closing.Dispose();
    }

    private async Task EndAsync()
    {
        try
        {
            await _client.DisposeAsync().AsTask().WaitAsync(DisposeWithin, _time).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // It is over, however it says so; what it held ends with the channel.
        }
    }

    private async Task<McpListing> ReadPagesAsync(CancellationToken cancellationToken)
    {
        var reader = new McpToolReader(_source.Name, _catalog, _limits);
        var cursors = new HashSet<string>(StringComparer.Ordinal);
        string? cursor = null;
        for (var pages = 1; ; pages++)
        {
            var request = new JsonRpcRequest { Method = RequestMethods.ToolsList, Params = cursor is null ? new JsonObject() : new JsonObject { ["cursor"] = cursor } };
            var answer = await _client.SendRequestAsync(request, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
            var page = JsonSerializer.SerializeToElement(answer.Result);
            reader.Add(page);
            cursor = page.TryGetProperty("nextCursor", out var next) && next.ValueKind == JsonValueKind.String ? next.GetString() : null;
            if (string.IsNullOrEmpty(cursor) || reader.IsFull)
                break;
            if (!cursors.Add(cursor))
            {
                reader.Note("Its pages lead back to one that was read already: the rest is left out.");
                break;
            }

            if (pages == _limits.Pages)
            {
                reader.Note($"Its list has more than {_limits.Pages} pages: the rest is left out.");
                break;
            }
        }

        return reader.Listing;
    }

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                var request = new JsonRpcRequest
                {
                    Method = RequestMethods.SubscriptionsListen,
                    Params = new JsonObject { ["notifications"] = new JsonObject { ["toolsListChanged"] = true } },
                };
                await _client.SendRequestAsync(request, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
                await Task.Delay(ListenAgain, _time, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception)
        {
            // It takes no listeners, or is gone: the regular reading sees either.
        }
    }

    private static McpFaultException Fault(McpSource source, Exception fault, string? late, string? fate)
    {
        var said = late ?? Sentence(source, fault);
        return new McpFaultException(fate is null || said.Contains(fate, StringComparison.Ordinal) ? said : $"{said} {fate}", fault);
    }

    private static string Sentence(McpSource source, Exception fault)
    {
        for (var at = fault; at is not null; at = at.InnerException)
        {
            if (at is McpFaultException known)
                return known.Message;
        }

        var words = fault switch
        {
            HttpRequestException { StatusCode: { } status } => $"It answered with HTTP status {(int)status}",
            HttpRequestException http => $"It could not be reached: {http.Message}",
            McpException protocol => $"It answered with an error: {protocol.Message}",
            TimeoutException => "It did not answer in time",
            _ => $"The connection broke: {fault.Message}",
        };
        // Hidden before it is cut: half of a secret is one still.
        words = string.Concat(new McpSecrets(source).Hide(words).Where(c => !char.IsControl(c)).Take(300)).TrimEnd('.', ' ');
        return words + ".";
    }
}
