using System.Globalization;
using Weir.Flow.Limits;

namespace Weir.Cli.Run.Workers;

/// <summary>How many attempts begin a second, over all workers.</summary>
internal sealed class StartPace(double? rate, TimeProvider time)
{
    private readonly TokenBucket? _bucket = rate is { } perSecond ? new TokenBucket(perSecond, 1, time) : null;

    public async ValueTask WaitAsync(CancellationToken stop)
    {
        while (_bucket is not null && !_bucket.TryTake())
            await Task.Delay(_bucket.WaitFor() is var wait && wait > TimeSpan.FromMilliseconds(1) ? wait : TimeSpan.FromMilliseconds(1), time, stop);
    }

    /// <summary>Reads <c>5/s</c>, <c>100/m</c>, <c>20/h</c>, or a plain number a second.</summary>
    public static bool TryParse(string text, out double perSecond)
    {
        var (number, seconds) = text switch
        {
            [.. var n, '/', 's'] => (n, 1),
            [.. var n, '/', 'm'] => (n, 60),
            [.. var n, '/', 'h'] => (n, 3600),
            _ => (text, 1),
        };
        var good = double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out perSecond);
        perSecond /= seconds;
        return good && perSecond is > 0 and <= 1_000_000;
    }
}
