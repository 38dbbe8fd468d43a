namespace Weir.Inference.Batches.Execution;

/// <summary>
/// How many lines of a batch are under way at once: one more per round of answers, half when the gateway has no room for them, once per
/// round however many lines found that out. Of the batch's loop alone.
/// </summary>
internal sealed class LinePace(int most)
{
    private const int Start = 16;

    private int _answered;

    public int Limit { get; private set; } = Math.Min(Start, most);

    /// <summary>Counts the decreases; a line carries the one that it was started in.</summary>
    public int Epoch { get; private set; }

    public void Answered()
    {
        if (++_answered >= Limit)
        {
            _answered = 0;
            Limit = Math.Min(most, Limit + 1);
        }
    }

    public void Refused(int epoch)
    {
        if (epoch == Epoch)
        {
            Epoch++;
            _answered = 0;
            Limit = Math.Max(1, Limit / 2);
        }
    }
}
