using System.Globalization;

namespace Weir.Simulation;

/// <summary>Durations as people write them: a number and <c>ms</c>, <c>s</c>, <c>m</c> or <c>h</c>.</summary>
public static class Duration
{
    /// <summary>Reads <c>"200ms"</c>, <c>"1.5s"</c>, <c>"2m"</c>, <c>"1h"</c> or a plain <c>"0"</c>; at most 24 hours, not negative.</summary>
    public static bool TryParse(string? text, out TimeSpan value)
    {
        value = default;
        var span = text.AsSpan().Trim();
        var (suffix, unit) = span switch
        {
            [.., 'm', 's'] => (2, 1.0),
            [.., 's'] => (1, 1_000),
            [.., 'm'] => (1, 60_000),
            [.., 'h'] => (1, 3_600_000),
            ['0'] => (0, 1),
            _ => (0, double.NaN),
        };
        if (!double.TryParse(span[..^suffix], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return false;
        var milliseconds = number * unit;
        if (milliseconds is not (>= 0 and <= 24 * 3_600_000))
            return false;
        value = TimeSpan.FromMilliseconds(milliseconds);
        return true;
    }
}
