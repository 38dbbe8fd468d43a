using Weir.Cli.Commands;
using Weir.Server.Configuration;
using Weir.Server.Endpoints;
using Weir.Server.Keys;
using Weir.State;

namespace Weir.Cli;

/// <summary>Keys, wherever they can be reached: through the running server, or in the store when nothing listens at its address.</summary>
internal sealed class KeyDesk(WeirOptions options, ConfigurationSources sources) : IAsyncDisposable
{
    private readonly ServerConnection _server = ServerConnection.To(options);
    private IStateStore? _store;

    public async Task<KeyView> CreateAsync(KeyRequest request, CancellationToken cancellation)
    {
        if (await _server.PostAsync<KeyView>("/v1/keys", request, cancellation) is { } made) return made;

        var (record, secret) = await (await StoreAsync(cancellation)).CreateAsync(request, cancellation);
        return KeyView.Of(record, secret);
    }

    public async Task<IReadOnlyList<KeyView>> ListAsync(CancellationToken cancellation)
    {
        if (await _server.GetAsync<ListOf<KeyView>>("/v1/keys", cancellation) is { } list) return list.Data;

        var records = await (await StoreAsync(cancellation)).ListAsync(cancellation);
        return [.. records.OrderBy(r => r.Created).ThenBy(r => r.Id, StringComparer.Ordinal).Select(r => KeyView.Of(r))];
    }

    /// <returns>False where there is no such key.</returns>
    public async Task<bool> RevokeAsync(string id, CancellationToken cancellation) =>
        await _server.DeleteAsync("/v1/keys/" + Uri.EscapeDataString(id), cancellation)
        ?? await (await StoreAsync(cancellation)).RevokeAsync(id, cancellation);

    public async ValueTask DisposeAsync()
    {
        _server.Dispose();
        if (_store is not null) await _store.DisposeAsync();
    }

    private async Task<KeyStore> StoreAsync(CancellationToken cancellation)
    {
        if (options.State == "memory")
            throw new ServerException($"nothing listens at {_server.Address}, and state in memory exists only while the server runs.");

        _store ??= await StateStores.OpenAsync(UpCommand.StateOf(options, sources), TimeProvider.System, cancellationToken: cancellation);
        return new KeyStore(_store, TimeProvider.System);
    }
}
