using Weir.Cli.Run.Results;

namespace Weir.Cli.Run.Progress;

/// <summary>What a run has come to, counted by its workers and read by whoever shows it.</summary>
internal sealed class RunTally(int total, int before, int beforeNotOk = 0)
{
    private const int MostTold = 10;

    private readonly Lock _sync = new();
    private readonly int[] _byState = new int[Enum.GetValues<TaskState>().Length];
    private readonly PriorityQueue<TaskEnd, double> _slowest = new();
    private readonly List<TaskEnd> _failed = [];
    private TokenUsage? _usage;
    private int _running;
    private int _waiting;
    private int _retried;
    private volatile string? _serverSaid;

    public int Total => total;

    /// <summary>Had a result when the run began.</summary>
    public int Before => before;

    /// <summary>Of those, the ones that had not gone well.</summary>
    public int BeforeNotOk => beforeNotOk;

    public int Running => Volatile.Read(ref _running);

    /// <summary>For their turn to be given a lease.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    public int Retries => Volatile.Read(ref _retried);

    /// <summary>Why the server gives no leases now. Null: it does, or nobody asks.</summary>
    public string? ServerFault => Waiting > 0 ? _serverSaid : null;

    public TokenUsage? Usage
    {
        get
        {
            lock (_sync)
                return _usage;
        }
    }

    /// <summary>Finished in this run.</summary>
    public int Done
    {
        get
        {
            lock (_sync)
                return _byState.Sum();
        }
    }

    public int NotOk => Done - Count(TaskState.Ok);

    public int Count(TaskState state)
    {
        lock (_sync)
            return _byState[(int)state];
    }

    /// <summary>The slowest first.</summary>
    public IReadOnlyList<TaskEnd> Slowest()
    {
        lock (_sync)
            return [.. _slowest.UnorderedItems.Select(item => item.Element).OrderByDescending(end => end.Seconds)];
    }

    /// <summary>The first of them.</summary>
    public IReadOnlyList<TaskEnd> Failed()
    {
        lock (_sync)
            return [.. _failed];
    }

    public void Runs(int more) => Interlocked.Add(ref _running, more);

    public void WaitsForLease(int more) => Interlocked.Add(ref _waiting, more);

    public void Retried() => Interlocked.Increment(ref _retried);

    /// <param name="fault">Null: it is well.</param>
    public void ServerSaid(string? fault) => _serverSaid = fault;

    public void Finished(TaskResult result, string? log)
    {
        if (result.Lease is not null)
            _serverSaid = null;
        var end = new TaskEnd(result.Id, result.Status, result.Seconds, result.Error, log);
        lock (_sync)
        {
            _byState[(int)result.Status]++;
            _usage += result.Usage;
            _slowest.Enqueue(end, end.Seconds);
            if (_slowest.Count > MostTold)
                _slowest.Dequeue();
            if (result.Status is not TaskState.Ok && _failed.Count < MostTold)
                _failed.Add(end);
        }
    }
}

/// <summary>How a task ended, for people.</summary>
/// <param name="Id">The task.</param>
/// <param name="Status">How.</param>
/// <param name="Seconds">Of its last attempt.</param>
/// <param name="Error">Null: none.</param>
/// <param name="Log">Where its log is. Null: it has none.</param>
internal sealed record TaskEnd(string Id, TaskState Status, double Seconds, string? Error, string? Log);
