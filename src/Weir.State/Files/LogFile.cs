using System.Buffers.Binary;
using Weir.State.Logs;

namespace Weir.State.Files;

/// <summary>Reads the records of a log file one after another.</summary>
internal sealed class LogFile(FileStream file, string name)
{
    /// <summary>Where the last whole record ends.</summary>
    public long End { get; private set; }

    public long Count { get; private set; }

    public long Fence { get; private set; }

    /// <returns>The next record's payload; null at the end, or at a torn tail.</returns>
    /// <exception cref="InvalidDataException">A record is damaged though others follow: that is no torn tail, and cutting there would lose what was durable.</exception>
    public async ValueTask<byte[]?> NextAsync(CancellationToken cancellationToken)
    {
        while (await RecordAsync(End, cancellationToken) is { } record)
        {
            if (!LogRecord.Intact(record))
            {
                if (await RecordAsync(End + record.Length, cancellationToken) is { } following && LogRecord.Intact(following))
                    throw new InvalidDataException($"Log '{name}' is damaged at byte {End}, in the middle: restore {file.Name} from a backup.");
                return null;
            }

            End += record.Length;
            if (record[4] == LogRecord.Fence)
            {
                Fence = BinaryPrimitives.ReadInt64LittleEndian(record.AsSpan(LogRecord.HeaderBytes));
                continue;
            }

            Count++;
            return record[LogRecord.HeaderBytes..];
        }

        return null;
    }

    /// <returns>The bytes of a record as long as it says it is; null where the file ends before that, or it says nothing sensible.</returns>
    private async ValueTask<byte[]?> RecordAsync(long at, CancellationToken cancellationToken)
    {
        file.Position = at;
        var header = new byte[LogRecord.HeaderBytes];
        if (await file.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellationToken) < header.Length)
            return null;
        var length = LogRecord.Length(header);
        if (length < 0 || at + header.Length + length > file.Length)
            return null;
        var record = new byte[header.Length + length];
        header.CopyTo(record, 0);
        await file.ReadExactlyAsync(record.AsMemory(header.Length), cancellationToken);
        return record;
    }
}
