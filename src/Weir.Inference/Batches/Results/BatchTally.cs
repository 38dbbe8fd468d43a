using Weir.Inference.Batches.Documents;
using Weir.State;

namespace Weir.Inference.Batches.Results;

/// <summary>Which lines have a result, and what they used: a function of the log. A line counts once, however often it stands there.</summary>
internal sealed class BatchTally(int lines)
{
    private readonly LineKind[] _kinds = new LineKind[lines + 1];

    public int Lines => lines;

    public int Completed { get; private set; }

    public int Failed { get; private set; }

    public int Done => Completed + Failed;

    public BatchUsage Usage { get; private set; }

    public LineKind KindOf(int line) => line <= lines ? _kinds[line] : LineKind.None;

    public static async Task<BatchTally> ReadAsync(ILogStore logs, string log, int lines, CancellationToken cancellationToken)
    {
        var tally = new BatchTally(lines);
        await foreach (var record in logs.ReadAsync(log, 0, cancellationToken).ConfigureAwait(false))
        {
            tally.Add(LineRecord.Decode(record));
        }

        return tally;
    }

    /// <summary>Counts a result that is durable.</summary>
    public void Add(in LineRecord result)
    {
        if (result.Line < 1 || result.Line > lines)
        {
            throw new InvalidDataException($"The log of a batch of {lines} lines holds a result of line {result.Line}.");
        }

        if (_kinds[result.Line] != LineKind.None)
        {
            return;
        }

        _kinds[result.Line] = result.Kind;
        Usage += result.Usage;
        if (result.Kind == LineKind.Output)
        {
            Completed++;
        }
        else
        {
            Failed++;
        }
    }
}
