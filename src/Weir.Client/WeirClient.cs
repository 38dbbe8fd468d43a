using Weir.Client.Wire;

namespace Weir.Client;

/// <summary>
/// A client of one Weir: safe from any thread, made once and kept. Every method throws <see cref="WeirException"/> for what Weir refuses and for a Weir that
/// cannot be reached, and <see cref="OperationCanceledException"/> when its token is cancelled.
/// </summary>
public sealed class WeirClient : IDisposable, IAsyncDisposable
{
    private readonly HttpClient? _own;
    private int _disposed;

    /// <param name="url">Where Weir serves, such as <c>http://127.0.0.1:7800</c>; a <c>/v1</c> at its end changes nothing.</param>
    /// <param name="apiKey">Null: none.</param>
    public WeirClient(Uri url, string? apiKey = null)
        : this(url, new WeirClientOptions { ApiKey = apiKey })
    {
    }

    /// <param name="url">Where Weir serves, such as <c>http://127.0.0.1:7800</c>; a <c>/v1</c> at its end changes nothing.</param>
    /// <param name="options">How it behaves.</param>
    public WeirClient(Uri url, WeirClientOptions options)
        : this(OwnHttp(url), options) => _own = _http;

    /// <param name="http">Has a base address, and is not disposed with this, nor to be before it; its own timeout should be longer than <see cref="WeirClientOptions.Timeout"/>.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <exception cref="ArgumentException">There is no base address.</exception>
    public WeirClient(HttpClient http, WeirClientOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(http);
        (_http, _options) = (http, options ?? new());
        var connection = new WeirConnection(http, Root(http.BaseAddress ?? throw new ArgumentException("It has no base address.", nameof(http))), _options);
        Embeddings = new(connection);
        Collections = new(connection);
        Catalogs = new(connection);
        Leases = new(connection);
    }

    private readonly HttpClient _http;
    private readonly WeirClientOptions _options;

    /// <summary>Vectors of texts.</summary>
    public EmbeddingsClient Embeddings { get; }

    /// <summary>Documents, and search in them.</summary>
    public CollectionsClient Collections { get; }

    /// <summary>Tools, and search for the right one.</summary>
    public CatalogsClient Catalogs { get; }

    /// <summary>Resources for workers.</summary>
    public LeasesClient Leases { get; }

    internal TimeProvider Time => _options.Time;

    /// <summary>To one resource: its token is the right, and no key of this client goes there.</summary>
    /// <param name="root">Ends with a slash.</param>
    /// <param name="token">Null: it is not known.</param>
    /// <param name="isRepeatable">A request may be sent twice without harm.</param>
    internal WeirConnection Door(Uri root, string? token, bool isRepeatable) =>
        new(_http, root, _options with { ApiKey = token, MaxRetries = isRepeatable ? _options.MaxRetries : 0 });

    /// <summary>
    /// Gives back what agents still hold through it, unless their <see cref="AgentEnvironmentOptions.ReleaseAtExit"/> is false, waiting 2 s for that at the most; what is not given back
    /// by then ends by its ttl. Throws nothing. A second call does nothing.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        // Nobody could renew them any more, nor give them back when the process exits.
        ExitReleases.ReleaseOfAsync(this).Wait();
        _own?.Dispose();
    }

    /// <summary>As <see cref="Dispose"/>, without a thread that waits.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await ExitReleases.ReleaseOfAsync(this).ConfigureAwait(false);
        _own?.Dispose();
    }

    private static HttpClient OwnHttp(Uri url) => new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
    {
        BaseAddress = Root(url),
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private static Uri Root(Uri url)
    {
        ArgumentNullException.ThrowIfNull(url);
        var path = url.GetLeftPart(UriPartial.Path).TrimEnd('/');
        return new Uri((path.EndsWith("/v1", StringComparison.Ordinal) ? path[..^3] : path) + "/");
    }
}
