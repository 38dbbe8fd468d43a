using System.Buffers.Binary;
using System.Net.Sockets;

namespace Weir.Leases.Desktops.X11;

/// <summary>
/// A connection to an X server over its unix socket. Requests go out in runs, many at once; replies come back in their order and are matched by sequence number.
/// The server may be hostile: it gets no more memory than each request allows for, and no more time than <see cref="Patience"/>.
/// </summary>
/// <remarks>Whatever breaks the connection breaks it for good: every run then ends with <see cref="XBrokenException"/>.</remarks>
internal sealed class XConnection : IAsyncDisposable
{
    /// <summary>How long a server may take to answer, and to take what is sent.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>So many requests one run may have.</summary>
    public const int MostRequests = 2_048;

    private const int HeadLength = 32;
    private const int MostRunsAtOnce = 4;

    /// <summary>No event was asked for, and few come unasked: who sends more between two replies floods.</summary>
    private const int MostEvents = 4_096;
    private const int MostEvent = 64 << 10;

    private readonly NetworkStream _stream;
    private readonly TimeProvider _time;
    private readonly SemaphoreSlim _runs = new(MostRunsAtOnce);
    private readonly SemaphoreSlim _sending = new(1);
    private readonly Lock _sync = new();
    private readonly Queue<Pending> _pending = [];
    private readonly Task _reading;
    private ushort _sequence;
    private XBrokenException? _fault;

    private XConnection(NetworkStream stream, XSetup setup, TimeProvider time)
    {
        (_stream, Setup, _time) = (stream, setup, time);
        _reading = Task.Run(ReadAsync);
    }

    public XSetup Setup { get; }

    public bool IsBroken => Volatile.Read(ref _fault) is not null;

    /// <exception cref="XBrokenException">There is no server there, or it does not let us in.</exception>
    public static async Task<XConnection> OpenAsync(string socketPath, ReadOnlyMemory<byte> cookie, TimeProvider time, CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(socketPath), either.Token).ConfigureAwait(false);
            var stream = new NetworkStream(socket, ownsSocket: true);
            await stream.WriteAsync(XSetup.Hello(cookie.Span), either.Token).ConfigureAwait(false);
            var header = new byte[XSetup.HeaderLength];
            await stream.ReadExactlyAsync(header, either.Token).ConfigureAwait(false);
            var body = new byte[XSetup.LengthAfter(header)];
            await stream.ReadExactlyAsync(body, either.Token).ConfigureAwait(false);
            return new XConnection(stream, XSetup.Read(header, body), time);
        }
        catch (Exception e)
        {
            socket.Dispose();
            if (e is XBrokenException || cancellationToken.IsCancellationRequested)
                throw;
            throw new XBrokenException(late.IsCancellationRequested ? $"The X server has not answered within {Patience.TotalSeconds:0} s." : $"The X server cannot be reached: {e.Message}", e);
        }
    }

    /// <summary>Sends requests in one piece, and waits until all of them have been done.</summary>
    /// <returns>One reply for each, in their order; of a request without a reply only whether it failed.</returns>
    public async Task<IReadOnlyList<XReply>> RunAsync(IReadOnlyList<XRequest> requests)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(requests.Count, MostRequests);
        await _runs.WaitAsync().ConfigureAwait(false);
        try
        {
            var run = new Run(requests[^1].MostReply is null ? [.. requests, XRequest.Sync()] : requests);
            await SendAsync(run).ConfigureAwait(false);
            try
            {
                await run.Done.Task.WaitAsync(Patience, _time).ConfigureAwait(false);
            }
            catch (TimeoutException)
            {
                // The run must not end before the reader does, which may be writing into memory that belongs to the caller.
                Break(new XBrokenException($"The X server has not answered within {Patience.TotalSeconds:0} s."));
                await run.Done.Task.ConfigureAwait(false);
            }

            return run.Replies;
        }
        finally
        {
            _runs.Release();
        }
    }

    private async Task SendAsync(Run run)
    {
        await _sending.WaitAsync().ConfigureAwait(false);
        try
        {
            lock (_sync)
            {
                if (_fault is { } fault)
                    throw new XBrokenException(fault.Message, fault);
                for (var index = 0; index < run.Requests.Count; index++)
                    _pending.Enqueue(new Pending(++_sequence, run, index));
            }

            using var late = new CancellationTokenSource(Patience, _time);
            try
            {
                await _stream.WriteAsync(run.Bytes(), late.Token).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                // What has been enqueued ends with the reader.
                Break(new XBrokenException($"The X server does not take what is sent: {e.Message}", e));
            }
        }
        finally
        {
            _sending.Release();
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            var head = new byte[HeadLength];
            for (var events = 0; ;)
            {
                await _stream.ReadExactlyAsync(head).ConfigureAwait(false);
                switch (head[0] & 0x7f)
                {
                    case 0:
                        var failed = Take(Word(head, 2));
                        failed.Run.Complete(failed.Index, new XReply(default, default, new XError(head[1], head[10], Word(head, 8))));
                        events = 0;
                        break;
                    case 1:
                        await TakeReplyAsync(head.ToArray()).ConfigureAwait(false);
                        events = 0;
                        break;
                    default:
                        if (++events > MostEvents)
                            throw new XBrokenException("The X server floods the connection with events that nobody asked for.");
                        if ((head[0] & 0x7f) == 35)
                            await SkipAsync(head).ConfigureAwait(false);
                        break;
                }
            }
        }
        catch (Exception e)
        {
            Break(e as XBrokenException ?? new XBrokenException($"The connection to the X server has ended: {e.Message}", e));
        }

        while (true)
        {
            Pending left;
            lock (_sync)
            {
                if (!_pending.TryDequeue(out left))
                    return;
            }

            left.Run.Done.TrySetException(new XBrokenException(_fault!.Message, _fault));
        }
    }

    private async Task TakeReplyAsync(byte[] head)
    {
        var pending = Take(Word(head, 2));
        var request = pending.Run.Requests[pending.Index];
        var length = BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(4)) * 4L;
        try
        {
            if (request.MostReply is not { } most || length > most || (request.Into is { } asked && asked.Length != length))
                throw new XBrokenException($"The X server answered request {request.Bytes[0]} with {length} bytes, where {request.MostReply ?? 0} were due.");
            var body = request.Into ?? (length > 0 ? new byte[length] : default);
            await _stream.ReadExactlyAsync(body).ConfigureAwait(false);
            pending.Run.Complete(pending.Index, new XReply(head, request.Into is null ? body : default, null));
        }
        catch (Exception e)
        {
            // It is in the queue no more, so nobody else tells its run.
            var fault = e as XBrokenException ?? new XBrokenException($"The connection to the X server has ended: {e.Message}", e);
            Break(fault);
            pending.Run.Done.TrySetException(fault);
            throw;
        }
    }

    private async Task SkipAsync(byte[] head)
    {
        var length = BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(4)) * 4L;
        if (length > MostEvent)
            throw new XBrokenException($"The X server sent an event of {length} bytes.");
        await _stream.ReadExactlyAsync(new byte[length]).ConfigureAwait(false);
    }

    /// <summary>The request that a reply or an error belongs to; those before it that have no reply have been done.</summary>
    private Pending Take(ushort sequence)
    {
        while (true)
        {
            Pending next;
            lock (_sync)
            {
                if (!_pending.TryDequeue(out next))
                    throw new XBrokenException($"The X server answered request {sequence}, which nobody sent.");
            }

            if (next.Sequence == sequence)
                return next;
            if (next.Run.Requests[next.Index].MostReply is null)
            {
                next.Run.Complete(next.Index, default);
                continue;
            }

            var fault = new XBrokenException($"The X server answered request {sequence} before request {next.Sequence}.");
            // Broken before its run ends: whoever sees the end sees that too.
            Break(fault);
            next.Run.Done.TrySetException(fault);
            throw fault;
        }
    }

    private void Break(XBrokenException fault)
    {
        lock (_sync)
            _fault ??= fault;
        _stream.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        Break(new XBrokenException("The connection to the X server was closed."));
        await _reading.ConfigureAwait(false);
    }

    private static ushort Word(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));

    private readonly record struct Pending(ushort Sequence, Run Run, int Index);

    /// <summary>Only the reader completes it, entry by entry.</summary>
    private sealed class Run(IReadOnlyList<XRequest> requests)
    {
        private int _left = requests.Count;

        public IReadOnlyList<XRequest> Requests => requests;

        public XReply[] Replies { get; } = new XReply[requests.Count];

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public byte[] Bytes()
        {
            var bytes = new byte[requests.Sum(request => request.Bytes.Length)];
            var at = 0;
            foreach (var request in requests)
            {
                request.Bytes.CopyTo(bytes, at);
                at += request.Bytes.Length;
            }

            return bytes;
        }

        public void Complete(int index, XReply reply)
        {
            Replies[index] = reply;
            if (--_left == 0)
                Done.TrySetResult();
        }
    }
}
