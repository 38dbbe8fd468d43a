using System.Buffers;
using System.Globalization;

namespace Weir.Inference.Attempts;

/// <summary>When a rate limit is full again, as providers write it: <c>1s</c>, <c>6m0s</c>, <c>20ms</c>, <c>7.66s</c>, seconds, a Unix time, or RFC 3339.</summary>
internal static class ResetText
{
    // Below the first a number is a span in seconds, below the second a Unix time in seconds, else one in milliseconds.
    private const double LeastUnixSeconds = 1e9;
    private const double LeastUnixMilliseconds = 1e11;
    private const int UnixDigits = 10;
    private const double LongestSeconds = 366.0 * 24 * 3600;

    private static readonly SearchValues<char> Digits = SearchValues.Create("0123456789.");

    /// <summary>Whether it is a point in time, and not a span.</summary>
    public static bool IsMoment(ReadOnlySpan<char> text)
    {
        var other = text.Trim().IndexOfAnyExceptInRange('0', '9');
        return text.Contains('T') || (other < 0 ? text.Trim().Length : other) >= UnixDigits;
    }

    /// <returns>From <paramref name="now"/> on, at least zero; null where it cannot be read, or is more than a year.</returns>
    public static TimeSpan? Read(ReadOnlySpan<char> text, DateTimeOffset now)
    {
        text = text.Trim();
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            return number < LeastUnixSeconds ? Span(number)
                : number < LeastUnixMilliseconds ? Span(number - now.ToUnixTimeSeconds())
                : Span((number / 1000) - (now.ToUnixTimeMilliseconds() / 1000.0));
        }

        return text.Contains('T')
            ? DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? Span((at - now).TotalSeconds) : null
            : Parts(text);
    }

    private static TimeSpan? Parts(ReadOnlySpan<char> text)
    {
        double seconds = text.IsEmpty ? double.NaN : 0;
        while (!text.IsEmpty)
        {
            var digits = text.IndexOfAnyExcept(Digits);
            if (digits <= 0 || !double.TryParse(text[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            {
                return null;
            }

            text = text[digits..];
            var letters = text.IndexOfAnyInRange('0', '9') is >= 0 and var next ? next : text.Length;
            var unit = text[..letters] switch
            {
                "ns" => 1e-9,
                "us" or "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                "d" => 86_400,
                _ => double.NaN,
            };
            seconds += number * unit;
            text = text[letters..];
        }

        return Span(seconds);
    }

    private static TimeSpan? Span(double seconds) => seconds <= LongestSeconds ? TimeSpan.FromSeconds(Math.Max(0, seconds)) : null;
}
