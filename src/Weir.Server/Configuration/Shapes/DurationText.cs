using System.Globalization;
using System.Text.RegularExpressions;

namespace Weir.Server.Configuration.Shapes;

/// <summary>Durations as they are written: <c>900ms</c>, <c>30s</c>, <c>15m</c>, <c>2h</c>, <c>1d</c>, <c>1h30m</c>, <c>1.5s</c>.</summary>
internal static partial class DurationText
{
    /// <summary>For the schema.</summary>
    public const string Pattern = @"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$";

    private static readonly (string Unit, TimeSpan Length)[] Units =
    [
        ("d", TimeSpan.FromDays(1)),
        ("h", TimeSpan.FromHours(1)),
        ("m", TimeSpan.FromMinutes(1)),
        ("s", TimeSpan.FromSeconds(1)),
        ("ms", TimeSpan.FromMilliseconds(1)),
    ];

    /// <summary>Null where the text is not a duration, or longer than a duration can be.</summary>
    public static TimeSpan? Read(string text)
    {
        if (!Whole().IsMatch(text))
        {
            return null;
        }

        var ticks = 0.0;
        foreach (Match part in Part().Matches(text))
        {
            var unit = Array.Find(Units, candidate => candidate.Unit == part.Groups[2].Value).Length;
            ticks += double.Parse(part.Groups[1].ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture) * unit.Ticks;
        }

        // The greatest double below 2^63.
        return ticks <= 9.2233720368547748e18 ? TimeSpan.FromTicks((long)Math.Round(ticks)) : null;
    }

    /// <summary>The shortest exact way to write it; parts below a millisecond as a fraction.</summary>
    public static string Write(TimeSpan duration)
    {
        if (duration == TimeSpan.Zero)
        {
            return "0s";
        }

        foreach (var (unit, length) in Units)
        {
            if (duration.Ticks % length.Ticks == 0)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{duration.Ticks / length.Ticks}{unit}");
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{duration.TotalMilliseconds:0.####}ms");
    }

    [GeneratedRegex(@"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+\z")]
    private static partial Regex Whole();

    [GeneratedRegex(@"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")]
    private static partial Regex Part();
}
