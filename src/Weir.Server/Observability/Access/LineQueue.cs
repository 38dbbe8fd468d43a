namespace Weir.Server.Observability.Access;

/// <summary>
/// Lines on their way to whoever writes them: bytes in one of two buffers, which change places when the other is taken. What does not fit is
/// dropped and counted; nobody waits.
/// </summary>
/// <param name="most">Bytes that may wait.</param>
internal sealed class LineQueue(int most = LineQueue.DefaultMost) : IDisposable
{
    /// <summary>About 4,000 lines.</summary>
    public const int DefaultMost = 1024 * 1024;

    private const int FirstSize = 16 * 1024;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _some = new(0);
    private byte[] _filling = new byte[Math.Min(FirstSize, most)];
    private byte[] _taken = [];
    private int _length;
    private long _dropped;

    public void Append(ReadOnlySpan<byte> line)
    {
        bool isFirst;
        lock (_lock)
        {
            if (_length + line.Length > most)
            {
                _dropped++;
                return;
            }

            if (_length + line.Length > _filling.Length)
                Array.Resize(ref _filling, Math.Min(most, Math.Max(_filling.Length * 2, _length + line.Length)));

            line.CopyTo(_filling.AsSpan(_length));
            isFirst = _length == 0;
            _length += line.Length;
        }

        if (isFirst) _some.Release();
    }

    /// <summary>Waits until there is a line.</summary>
    public Task WaitAsync(CancellationToken cancellation) => _some.WaitAsync(cancellation);

    /// <summary>Takes all that waits; for one reader.</summary>
    /// <param name="dropped">Lines that found no room since it was last asked.</param>
    /// <returns>Whole lines, valid until the next call.</returns>
    public ReadOnlySpan<byte> Take(out long dropped)
    {
        lock (_lock)
        {
            (_filling, _taken) = (_taken.Length == 0 ? new byte[Math.Min(FirstSize, most)] : _taken, _filling);
            var lines = _taken.AsSpan(0, _length);
            (dropped, _dropped, _length) = (_dropped, 0, 0);
            return lines;
        }
    }

    public void Dispose() => _some.Dispose();
}
