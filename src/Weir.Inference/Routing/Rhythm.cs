namespace Weir.Inference.Routing;

/// <summary>How often something is repeated, or that it is not: written <c>"15s"</c> or <c>"off"</c>.</summary>
/// <param name="Every">Zero: off.</param>
public readonly record struct Rhythm(TimeSpan Every)
{
    public static readonly Rhythm Off;

    public bool IsOff => Every <= TimeSpan.Zero;
}
