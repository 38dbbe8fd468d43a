using System.ComponentModel.DataAnnotations;

namespace Weir.Leases.Kinds;

/// <summary>A kind of resource: how many there are and what each of them is. It is made where there is none; afterwards what is stored counts.</summary>
public sealed record KindOptions
{
    /// <summary>How many there are at most, from 0 to 10000; of a kind whose resources live on one replica, on each. Not for remote, where the endpoints tell.</summary>
    [Range(0, 10000)]
    public int? Capacity { get; init; }

    /// <summary>How many free ones are kept ready to be used, where making one takes time. Default: 0, each is made when it is first needed.</summary>
    [Range(0, 10000)]
    public int Warm { get; init; }

    /// <summary>Other names that leases may ask for it by.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>How much of it one worker or one key may hold.</summary>
    public KindLimitOptions Limits { get; init; } = new();

    /// <summary>How long one may take to be initialised before the lease fails.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan InitialiseWithin { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long one may take to be reset before it is quarantined.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan ResetWithin { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>rag: the collection that is searched where a lease names no other. Null: each lease has to name one.</summary>
    public string? Collection { get; init; }

    /// <summary>rag: how many results a query gives where neither it nor its lease says so, from 1 to 1000. Null: 10.</summary>
    [Range(1, 1000)]
    public int? TopK { get; init; }

    /// <summary>vm: width and height of the screen in pixels.</summary>
    [RegularExpression("[1-9][0-9]{2,3}x[1-9][0-9]{2,3}")]
    public string? Size { get; init; }

    /// <summary>vm: nat reaches the network but not this machine's loopback; none reaches nothing. Default: nat.</summary>
    public DesktopNetwork? Network { get; init; }

    /// <summary>vm: the program that each desktop starts with, with its arguments. Null: chromium.</summary>
    public string? Program { get; init; }

    /// <summary>vm: sandbox, or none, which keeps programs of a desktop from nothing on this machine. Default: sandbox.</summary>
    public DesktopIsolation? Isolation { get; init; }

    /// <summary>remote: where they are.</summary>
    public IReadOnlyList<RemoteEndpointOptions> Endpoints { get; init; } = [];

    /// <summary>What a kind of your own needs to know, by names of its own.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}

/// <summary>
/// How much of a kind one worker or one key may hold at once; what waits does not count. One replica never grants more; several, asked by the same worker in the same moment, count what
/// the others have granted as soon as the feed shows it, milliseconds later.
/// </summary>
public sealed record KindLimitOptions
{
    /// <summary>Resources of one worker, which is a worker id of one tenant. Null: no bound.</summary>
    [Range(1, 10000)]
    public int? PerWorker { get; init; }

    /// <summary>Resources of one key. Null: no bound.</summary>
    [Range(1, 10000)]
    public int? PerKey { get; init; }
}

/// <summary>One address of a remote kind.</summary>
public sealed record RemoteEndpointOptions
{
    /// <summary>What it is called; unique in its kind.</summary>
    [RegularExpression("[a-z0-9][a-z0-9_-]{0,62}")]
    public string Id { get; init; } = "";

    /// <summary>Where it is: http or https; paths of requests are added to it.</summary>
    public string BaseUrl { get; init; } = "";

    /// <summary>How many leases may use it at once, from 1 to 1000. Default: 1, exclusively.</summary>
    [Range(1, 1000)]
    public int Slots { get; init; } = 1;

    /// <summary>A path that answers 2xx while it is well. Null: it is not asked.</summary>
    public string? Health { get; init; }

    /// <summary>A path that is posted to after each lease, and makes it clean. Null: nothing has to be done.</summary>
    public string? Reset { get; init; }

    /// <summary>A path that is posted a lease's config to before it is used. Null: it takes no config.</summary>
    public string? Initialise { get; init; }

    /// <summary>A path whose answer is the first observation of a lease. Null: there is none.</summary>
    public string? Observe { get; init; }

    /// <summary>Sent with each request to it, such as Authorization.</summary>
    [DataType(DataType.Password)]
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
}

/// <summary>What the network of a desktop reaches.</summary>
public enum DesktopNetwork
{
    Nat,
    None,
}

/// <summary>What keeps programs of a desktop from the machine that it runs on.</summary>
public enum DesktopIsolation
{
    Sandbox,
    None,
}
