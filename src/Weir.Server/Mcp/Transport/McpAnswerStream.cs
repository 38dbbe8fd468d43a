namespace Weir.Server.Mcp.Transport;

/// <summary>
/// A stream of server-sent events that is never silent for long: a comment line in between keeps proxies from cutting a long wait, and shows when nobody
/// is there any more. The writer sends each event in one write.
/// </summary>
internal sealed class McpAnswerStream(Stream inner, TimeProvider time) : Stream
{
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(15);
    private static readonly byte[] Comment = ":\n\n"u8.ToArray();

    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _over = new();
    private Task _beats = Task.CompletedTask;
    private long _last;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => WriteAsync(buffer, flush: false, cancellationToken);

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>From the first one on the answer has begun, and comments may be in it.</summary>
    public override async Task FlushAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await inner.FlushAsync(cancellationToken);
            Volatile.Write(ref _last, time.GetTimestamp());
            if (_beats.IsCompleted && !_over.IsCancellationRequested) _beats = BeatAsync();
        }
        finally
        {
            _turn.Release();
        }
    }

    public async Task WriteEventAsync(ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        await WriteAsync((byte[])[.. "event: message\ndata: "u8, .. message.Span, .. "\n\n"u8], cancellationToken);
        await FlushAsync(cancellationToken);
    }

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>Nothing is written by itself afterwards.</summary>
    public override async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _beats;
        _over.Dispose();
        await base.DisposeAsync();
    }

    private async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, bool flush, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            await inner.WriteAsync(buffer, cancellationToken);
            if (flush) await inner.FlushAsync(cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task BeatAsync()
    {
        try
        {
            while (true)
            {
                await Task.Delay(Silence, time, _over.Token);
                if (time.GetElapsedTime(Volatile.Read(ref _last)) < Silence) continue;
                await WriteAsync(Comment, flush: true, _over.Token);
                Volatile.Write(ref _last, time.GetTimestamp());
            }
        }
        catch (Exception end) when (end is OperationCanceledException or IOException or ObjectDisposedException)
        {
            // The answer is over, or nobody reads it: whoever writes it learns that by itself.
        }
    }
}
