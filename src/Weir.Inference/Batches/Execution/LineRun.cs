using Weir.Inference.Batches.Results;

namespace Weir.Inference.Batches.Execution;

/// <summary>One line while it is under way or waits to be tried again. Of the batch's loop, but for what <see cref="LineSender"/> is given.</summary>
/// <param name="number">The first is 1.</param>
/// <param name="line">As it stands in the file; its memory is its own.</param>
internal sealed class LineRun(int number, ReadOnlyMemory<byte> line)
{
    public int Number => number;

    public ReadOnlyMemory<byte> Line => line;

    /// <summary>The model that it asks for; empty until it was sent once.</summary>
    public string Model { get; set; } = "";

    /// <summary>How often it met trouble at the provider.</summary>
    public int Troubles { get; set; }

    /// <summary>In how many of these the provider was there and failed at it.</summary>
    public int Failures { get; set; }

    /// <summary>How often it found no room in a row.</summary>
    public int Refusals { get; set; }

    /// <summary>The timestamp at which it was first sent; null before.</summary>
    public long? BegunAt { get; set; }

    /// <summary>The timestamp at which it is tried again.</summary>
    public long DueAt { get; set; }

    /// <summary>The pace's epoch in which it was started.</summary>
    public int Epoch { get; set; }

    /// <summary>Why its result could not be written; null where it could.</summary>
    public Exception? Fault { get; set; }

    /// <summary>Set when a try has ended.</summary>
    public LineOutcome Outcome { get; set; } = LineOutcome.Cut;
}

/// <summary>What came of one try.</summary>
/// <param name="Kind">What follows.</param>
/// <param name="Result">The line's result; with <see cref="LineOutcomeKind.Trouble"/> what it is if it is not tried again.</param>
/// <param name="RetryAfter">When trying again may help; null where nobody said.</param>
/// <param name="IsAway">With <see cref="LineOutcomeKind.Trouble"/>: nobody could be reached who might have answered, which says nothing about the line.</param>
internal sealed record LineOutcome(LineOutcomeKind Kind, LineRecord? Result = null, TimeSpan? RetryAfter = null, bool IsAway = false)
{
    /// <summary>The try was ended from here.</summary>
    public static readonly LineOutcome Cut = new(LineOutcomeKind.Cut);

    public static LineOutcome Final(LineRecord result) => new(LineOutcomeKind.Final, result);

    public static LineOutcome NoRoom(TimeSpan? retryAfter) => new(LineOutcomeKind.NoRoom, RetryAfter: retryAfter);

    public static LineOutcome Trouble(LineRecord result, TimeSpan? retryAfter, bool isAway) => new(LineOutcomeKind.Trouble, result, retryAfter, isAway);
}

internal enum LineOutcomeKind
{
    /// <summary>The line has its result.</summary>
    Final,

    /// <summary>The provider failed it.</summary>
    Trouble,

    /// <summary>It was not let in: by the key's limits, a full queue, or providers that rest.</summary>
    NoRoom,

    /// <summary>It was ended from here, and is done again if the batch goes on.</summary>
    Cut,
}
