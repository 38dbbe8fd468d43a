using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Weir.State.Memory;

internal sealed class MemoryLogStore : ILogStore
{
    private readonly ConcurrentDictionary<string, Log> _logs = new(StringComparer.Ordinal);

    public ValueTask<ILogWriter> OpenAsync(string name, long fence, CancellationToken cancellationToken = default) =>
        new(new Writer(_logs.GetOrAdd(name, _ => new Log()), name, fence));

    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(
        string name, long from = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await Task.CompletedTask;
        if (!_logs.TryGetValue(name, out var log))
            yield break;
        byte[][] records;
        lock (log.Records)
            records = [.. log.Records];
        for (var i = from; i < records.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return records[i];
        }
    }

    public ValueTask RemoveAsync(string name, CancellationToken cancellationToken = default)
    {
        if (_logs.TryRemove(name, out var log))
        {
            lock (log.Records)
                log.Writer = null;
        }

        return ValueTask.CompletedTask;
    }

    private sealed class Log
    {
        public List<byte[]> Records { get; } = [];

        public long Fence { get; set; }

        public Writer? Writer { get; set; }
    }

    private sealed class Writer : ILogWriter
    {
        private readonly Log _log;
        private readonly string _name;
        private readonly long _fence;

        public Writer(Log log, string name, long fence)
        {
            (_log, _name, _fence) = (log, name, fence);
            lock (log.Records)
            {
                if (log.Fence > fence)
                    throw StaleFenceException.Of(name, fence, log.Fence);
                log.Fence = fence;
                log.Writer = this;
                Count = log.Records.Count;
            }
        }

        public long Count { get; private set; }

        public ValueTask AppendAsync(IReadOnlyList<ReadOnlyMemory<byte>> records, CancellationToken cancellationToken = default)
        {
            lock (_log.Records)
            {
                if (_log.Writer != this)
                    throw StaleFenceException.Of(_name, _fence, _log.Fence);
                foreach (var record in records)
                    _log.Records.Add(record.ToArray());
                Count = _log.Records.Count;
            }

            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
