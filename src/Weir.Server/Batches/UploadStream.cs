namespace Weir.Server.Batches;

/// <summary>
/// What a client uploads, on its way to a store that cannot tell the client's faults from its own: counts the bytes, ends at a bound,
/// and keeps what went wrong on the client's side.
/// </summary>
internal sealed class UploadStream(Stream content, long most) : Stream
{
    /// <summary>What has come so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>More came than is taken.</summary>
    public bool IsTooLarge { get; private set; }

    /// <summary>Why the rest did not come; null where it did.</summary>
    public Exception? Fault { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => Bytes;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            var read = await content.ReadAsync(buffer, cancellationToken);
            Bytes += read;
            IsTooLarge = Bytes > most;
            return !IsTooLarge ? read : throw new InvalidDataException($"More than {most} bytes came.");
        }
        catch (Exception fault)
        {
            Fault = fault;
            throw;
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("A request's body is read without blocking.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
