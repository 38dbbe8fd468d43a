using System.Diagnostics.CodeAnalysis;

namespace Weir.Flow.Batching;

/// <summary>What became of one member of a batch: a value, or the error that is its own.</summary>
public readonly struct BatchOutcome<TResult>
{
    private readonly TResult? _value;

    private BatchOutcome(TResult? value, Exception? error)
    {
        _value = value;
        Error = error;
    }

    /// <summary>Null when it succeeded.</summary>
    public Exception? Error { get; }

    [MemberNotNullWhen(false, nameof(Error))]
    public bool IsSuccess => Error is null;

    /// <exception cref="InvalidOperationException">It failed; the error is the inner exception.</exception>
    public TResult Value => Error is null ? _value! : throw new InvalidOperationException("A failed member has no value.", Error);

    internal static BatchOutcome<TResult> Of(TResult? value, Exception? error) => new(value, error);
}

/// <summary>Makes outcomes.</summary>
public static class BatchOutcome
{
    public static BatchOutcome<TResult> Success<TResult>(TResult value) => BatchOutcome<TResult>.Of(value, null);

    public static BatchOutcome<TResult> Failure<TResult>(Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return BatchOutcome<TResult>.Of(default, error);
    }
}
