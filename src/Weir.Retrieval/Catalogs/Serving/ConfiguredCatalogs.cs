using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Catalogs.Documents;
using Weir.State;

namespace Weir.Retrieval.Catalogs.Serving;

/// <summary>Makes the catalogs of the configuration where there are none, and again where the store has forgotten one; what is stored is left as it is, also where it differs.</summary>
internal sealed partial class ConfiguredCatalogs(
    CatalogWriter writer, CatalogDirectory directory, CatalogDocuments documents, CatalogLimits limits, TimeProvider time, ILogger<ConfiguredCatalogs> logger) : BackgroundService, IConfiguredCatalogs
{
    // The configuration is an admin's word; it has no tenant.
    private static readonly CatalogCaller Configuration = new("", "configuration", IsAdmin: true);
    private static readonly TimeSpan Again = TimeSpan.FromSeconds(2);

    private readonly Channel<IReadOnlyDictionary<string, CatalogOptions>> _wanted =
        Channel.CreateBounded<IReadOnlyDictionary<string, CatalogOptions>>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropOldest });

    private volatile IReadOnlyDictionary<string, CatalogOptions> _options = new Dictionary<string, CatalogOptions>();
    private volatile IReadOnlyDictionary<string, string> _faults = new Dictionary<string, string>();

    public IReadOnlyDictionary<string, string> Faults => _faults;

    internal IReadOnlyDictionary<string, CatalogOptions> Options => _options;

    public void Apply(IReadOnlyDictionary<string, CatalogOptions> catalogs)
    {
        _options = catalogs;
        _wanted.Writer.TryWrite(catalogs);
    }

    /// <summary>Stores it as configured, over whatever is there.</summary>
    /// <returns>Why not; null: it is stored.</returns>
    internal async Task<string?> OverwriteAsync(string name, CancellationToken cancellationToken)
    {
        var options = _options;
        if (!options.TryGetValue(name, out var wanted))
            return "it is not configured any more";
        if (await WriteAsync(name, wanted, cancellationToken).ConfigureAwait(false) is { } fault)
            return fault;
        // What could not be made before is there now.
        _wanted.Writer.TryWrite(options);
        return null;
    }

    private void MakeForgotten(IReadOnlyCollection<string> forgotten)
    {
        var options = _options;
        if (options.Keys.Any(name => forgotten.Contains(CatalogDocuments.KeyOf(null, name))))
            _wanted.Writer.TryWrite(options);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        directory.Forgot += MakeForgotten;
        try
        {
            while (true)
            {
                var catalogs = await _wanted.Reader.ReadAsync(stoppingToken).ConfigureAwait(false);
                while (!await TryMakeAsync(catalogs, stoppingToken).ConfigureAwait(false))
                {
                    await Task.Delay(Again, time, stoppingToken).ConfigureAwait(false);
                    if (_wanted.Reader.TryRead(out var newer))
                        catalogs = newer;
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Stopping.
        }
        finally
        {
            directory.Forgot -= MakeForgotten;
        }
    }

    /// <returns>False: the store is away, or something unforeseen happened; to be tried again.</returns>
    private async Task<bool> TryMakeAsync(IReadOnlyDictionary<string, CatalogOptions> catalogs, CancellationToken cancellationToken)
    {
        var faults = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            foreach (var (name, options) in catalogs)
            {
                if (await MakeAsync(name, options, cancellationToken).ConfigureAwait(false) is not { } fault)
                    continue;
                faults.Add(name, fault);
                LogNotMade(name, fault);
            }

            _faults = faults;
            return true;
        }
        catch (StoreUnavailableException fault)
        {
            LogDelayed(fault.Message);
            return false;
        }
        catch (Exception fault) when (fault is not OperationCanceledException)
        {
            LogFailed(fault);
            return false;
        }
    }

    private async Task<string?> MakeAsync(string name, CatalogOptions options, CancellationToken cancellationToken) =>
        await documents.ReadAsync(CatalogDocuments.KeyOf(null, name), cancellationToken).ConfigureAwait(false) is null
            ? await WriteAsync(name, options, cancellationToken).ConfigureAwait(false)
            : null;

    private async Task<string?> WriteAsync(string name, CatalogOptions options, CancellationToken cancellationToken)
    {
        var change = new CatalogChange { Global = true, EmbeddingModel = options.EmbeddingModel, Weights = options.Weights, Mcp = options.Mcp.Count > 0 ? options.Mcp : null };
        if (options.Load is { } path)
        {
            change = change with { Tools = CatalogChecks.ReadFile(path, limits, out var fault) };
            if (fault is not null)
                return $"its file of tools: {fault}";
        }

        var (entry, error) = await writer.PutAsync(Configuration, name, change, cancellationToken).ConfigureAwait(false);
        if (entry is null)
            return error!.Message;
        directory.Put(entry);
        LogMade(name, entry.Record.Count, entry.Record.Sources.Count);
        return null;
    }

    [LoggerMessage(EventId = 430, EventName = "CatalogMade", Level = LogLevel.Information, Message = "Catalog {Catalog} was stored as configured, with {Tools} tools and {Sources} MCP servers")]
    private partial void LogMade(string catalog, int tools, int sources);

    [LoggerMessage(EventId = 431, EventName = "CatalogNotMade", Level = LogLevel.Error, Message = "Catalog {Catalog} could not be made from the configuration: {Reason}")]
    private partial void LogNotMade(string catalog, string reason);

    [LoggerMessage(EventId = 432, EventName = "CatalogsDelayed", Level = LogLevel.Warning, Message = "The catalogs of the configuration are made when the state store is back: {Reason}")]
    private partial void LogDelayed(string reason);

    [LoggerMessage(EventId = 433, EventName = "CatalogsNotMade", Level = LogLevel.Error, Message = "The catalogs of the configuration could not be made and are tried again")]
    private partial void LogFailed(Exception fault);
}
