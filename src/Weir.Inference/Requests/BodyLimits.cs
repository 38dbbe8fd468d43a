namespace Weir.Inference.Requests;

/// <summary>What a client's body must keep to while it is read.</summary>
/// <param name="MaxBytes">The largest body, in bytes.</param>
/// <param name="Budget">What all bodies may hold together.</param>
/// <param name="Time">What the pace is measured by.</param>
public sealed record BodyLimits(long MaxBytes, BodyBudget Budget, TimeProvider Time);

/// <summary>Why a body was not read to its end.</summary>
public enum BodyRefusal
{
    /// <summary>It was.</summary>
    None,

    /// <summary>It is larger than <see cref="BodyLimits.MaxBytes"/>.</summary>
    TooLarge,

    /// <summary>Its client fell behind <see cref="BodyPace.BytesPerSecond"/>.</summary>
    TooSlow,

    /// <summary><see cref="BodyLimits.Budget"/> has no room for it now.</summary>
    NoRoom,
}

/// <summary>A body, or why there is none.</summary>
/// <param name="Body">Null where it was refused.</param>
/// <param name="Refusal"><see cref="BodyRefusal.None"/> where there is a body.</param>
public readonly record struct BodyRead(PooledBody? Body, BodyRefusal Refusal);
