using System.Diagnostics.Metrics;

namespace Weir.Inference.Load;

/// <summary>
/// Which load profile holds now. Requests are counted by one addition each; whoever finds that a second has passed, and finds nobody
/// else at it, judges. There is no timer: without requests nothing asks for a profile.
/// </summary>
public sealed class LoadProfiles
{
    private const int Seconds = 10;

    // A profile is left upwards at its bound, and downwards only well below it, so that a rate near a bound does not flap.
    private const double Hysteresis = 0.8;
    private const double BalancedFrom = 100;
    private const double AggressiveFrom = 1000;

    private readonly Lock _judging = new();
    private readonly TimeProvider _time;
    private readonly long[] _buckets = new long[Seconds];
    private readonly long _origin;
    private LoadProfileName _configured;
    private long _seconds;
    private long _counted;
    private long _requests;
    private long _judgeAt;
    private double _rate;
    private volatile LoadProfile _current = LoadProfile.Conservative;

    /// <param name="time">The clock.</param>
    /// <param name="meters">Where the profile and the rate are told; null: nowhere.</param>
    public LoadProfiles(TimeProvider time, IMeterFactory? meters = null)
    {
        _time = time;
        _origin = time.GetTimestamp();
        _judgeAt = _origin + time.TimestampFrequency;
        if (meters?.Create(InferenceMetrics.MeterName) is { } meter)
        {
            meter.CreateObservableGauge("weir.load.rate", () => Rate, "{request}/s", "Requests a second over the last 10 s.");
            meter.CreateObservableGauge(
                "weir.load.profile", () => new Measurement<int>(1, new KeyValuePair<string, object?>("profile", NameOf(Now.Name))), "{profile}", "The load profile that holds.");
        }
    }

    /// <summary>The profile that holds, as of the last request.</summary>
    public LoadProfile Current => _current;

    /// <summary>The profile that holds now, also where no request has come since.</summary>
    public LoadProfile Now
    {
        get
        {
            Judge(_time.GetTimestamp());
            return _current;
        }
    }

    /// <summary>Requests a second over the last 10 whole seconds.</summary>
    public double Rate
    {
        get
        {
            Judge(_time.GetTimestamp());
            return Volatile.Read(ref _rate);
        }
    }

    /// <summary>As it is written in settings and metrics.</summary>
    public static string NameOf(LoadProfileName name) => name switch
    {
        LoadProfileName.Auto => "auto",
        LoadProfileName.Conservative => "conservative",
        LoadProfileName.Balanced => "balanced",
        _ => "aggressive",
    };

    /// <summary>Takes a configuration.</summary>
    public void Apply(LoadOptions options)
    {
        lock (_judging)
        {
            _configured = options.Profile ?? LoadProfileName.Auto;
            Choose();
        }
    }

    /// <summary>Counts a request.</summary>
    /// <param name="timestamp">When it came, from the same clock.</param>
    internal void Count(long timestamp)
    {
        if (timestamp >= Volatile.Read(ref _judgeAt))
        {
            Judge(timestamp);
        }

        Interlocked.Increment(ref _requests);
    }

    private void Judge(long timestamp)
    {
        if (timestamp < Volatile.Read(ref _judgeAt) || !_judging.TryEnter())
        {
            return;
        }

        try
        {
            // The first request of a second judges: what was counted since belongs to the second that followed the last judgement.
            var seconds = (timestamp - _origin) / _time.TimestampFrequency;
            if (seconds <= _seconds)
            {
                return;
            }

            var requests = Interlocked.Read(ref _requests);
            for (var i = Math.Max(_seconds + 1, seconds - Seconds + 1); i <= seconds; i++)
            {
                _buckets[i % Seconds] = 0;
            }

            _buckets[(_seconds + 1) % Seconds] += seconds - _seconds <= Seconds ? requests - _counted : 0;
            (_seconds, _counted) = (seconds, requests);
            Volatile.Write(ref _judgeAt, _origin + ((seconds + 1) * _time.TimestampFrequency));
            Volatile.Write(ref _rate, _buckets.Sum() / (double)Seconds);
            Choose();
        }
        finally
        {
            _judging.Exit();
        }
    }

    private void Choose() => _current = _configured switch
    {
        LoadProfileName.Conservative => LoadProfile.Conservative,
        LoadProfileName.Balanced => LoadProfile.Balanced,
        LoadProfileName.Aggressive => LoadProfile.Aggressive,
        _ => Automatic(_rate, _current.Name),
    };

    private static LoadProfile Automatic(double rate, LoadProfileName now)
    {
        var aggressive = now == LoadProfileName.Aggressive ? AggressiveFrom * Hysteresis : AggressiveFrom;
        var balanced = now == LoadProfileName.Conservative ? BalancedFrom : BalancedFrom * Hysteresis;
        return rate >= aggressive ? LoadProfile.Aggressive
            : rate >= balanced ? LoadProfile.Balanced
            : LoadProfile.Conservative;
    }
}
