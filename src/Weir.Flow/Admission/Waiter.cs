namespace Weir.Flow.Admission;

/// <summary>One request in the queue. Whoever takes it out of the queue, under the gate's lock, answers it: so exactly once.</summary>
internal sealed class Waiter : TaskCompletionSource<AdmissionResult>
{
    public Waiter(AdmissionLane lane, in AdmissionTicket ticket, in QueueRank rank, long now, long deadline)
        : base(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        Lane = lane;
        Priority = ticket.Priority;
        Tokens = ticket.Tokens;
        LeavesOnPause = ticket.LeavesOnPause;
        IsBackground = ticket.IsBackground;
        Rank = rank;
        Since = now;
        Deadline = deadline;
        InLane = new LinkedListNode<Waiter>(this);
        InGate = new LinkedListNode<Waiter>(this);
    }

    public AdmissionLane Lane { get; }

    public int Priority { get; }

    public int Tokens { get; }

    public bool LeavesOnPause { get; }

    public bool IsBackground { get; }

    public QueueRank Rank { get; }

    public long Since { get; }

    public long Deadline { get; }

    public LinkedListNode<Waiter> InLane { get; }

    public LinkedListNode<Waiter> InGate { get; }

    /// <summary>Its place in the heap of deadlines.</summary>
    public int HeapIndex { get; set; } = -1;

    public bool IsQueued => InGate.List is not null;

    /// <summary>Set by whoever took it out of the queue; told once the lock is left.</summary>
    public AdmissionResult Answer { get; set; }

    public Waiter? NextAnswered { get; set; }
}
