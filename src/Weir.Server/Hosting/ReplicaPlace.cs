using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Logging;
using Weir.Server.Configuration;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Server.Hosting;

/// <summary>This replica's home, and where it is reached: its advertised address, else the one that it listens on.</summary>
internal sealed partial class ReplicaPlace : IReplicaPlace, IDisposable
{
    private readonly ReplicaHome _home;
    private readonly WeirOptions _started;
    private readonly LiveConfiguration _live;
    private readonly IServer _server;
    private readonly ILogger<ReplicaPlace> _log;
    private volatile Uri? _listens;
    private volatile Uri? _advertised;

    public ReplicaPlace(IStateStore store, WeirOptions options, LiveConfiguration live, IServer server, ILogger<ReplicaPlace> log)
    {
        (_started, _live, _server, _log) = (options, live, server, log);
        // What is in memory ends with the process, and so does what would be found again by the name.
        _home = ReplicaHome.Open(store.Health.Kind == "memory" ? null : options.Server.Data);
        if (_home.Warning is { } warning)
            LogNotLasting(warning);
        if (options.Server.AdvertisedUrl is null && ListensOnAll(options.Server.Url))
            LogNotAdvertised(options.Server.Url);
    }

    public string Home => _home.Name;

    public Uri? Url
    {
        get
        {
            // Asked for with each resource that is given out.
            if (_live.Current.Server.AdvertisedUrl is { } advertised)
                return _advertised is { } known && known.OriginalString == advertised ? known : _advertised = new Uri(advertised);
            if (_listens is { } listens)
                return listens;
            // A port of 0 is known once the server listens.
            var address = _server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault() ?? _started.Server.Url;
            return Uri.TryCreate(Reachable(address), UriKind.Absolute, out var url) && url.Port != 0 ? _listens = url : null;
        }
    }

    public void Dispose() => _home.Dispose();

    private static bool ListensOnAll(string url) => Reachable(url) != url;

    // Who listens on every address is reached on this machine; from elsewhere only by what is advertised.
    private static string Reachable(string url)
    {
        foreach (var all in (string[])["://0.0.0.0", "://[::]", "://*", "://+"])
        {
            if (url.Contains(all, StringComparison.Ordinal))
                return url.Replace(all, "://127.0.0.1", StringComparison.Ordinal);
        }

        return url;
    }

    [LoggerMessage(1, LogLevel.Warning, "{Reason}", EventName = "replica_home_not_lasting")]
    private partial void LogNotLasting(string reason);

    [LoggerMessage(2, LogLevel.Warning, "The server listens on {Url}, which is no address that others could reach: resources are given out under 127.0.0.1. Set server.advertised_url.", EventName = "replica_not_advertised")]
    private partial void LogNotAdvertised(string url);
}
