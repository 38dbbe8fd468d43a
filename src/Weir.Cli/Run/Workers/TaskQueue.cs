namespace Weir.Cli.Run.Workers;

/// <summary>The tasks that are left, in the order of their file; each is given out once.</summary>
internal sealed class TaskQueue
{
    private readonly System.Collections.BitArray _done;
    private int _next = -1;

    /// <param name="done">By task: it has a result already.</param>
    public TaskQueue(System.Collections.BitArray done)
    {
        _done = done;
        for (var index = 0; index < done.Count; index++)
            Left += done[index] ? 0 : 1;
    }

    /// <summary>How many there were to be given out.</summary>
    public int Left { get; }

    /// <returns>Null: none is left.</returns>
    public int? Take()
    {
        while (true)
        {
            var index = Interlocked.Increment(ref _next);
            if (index >= _done.Count || index < 0)
                return null;
            if (!_done[index])
                return index;
        }
    }
}
