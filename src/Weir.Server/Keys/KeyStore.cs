using System.Security.Cryptography;
using System.Text.Json;
using Weir.State;

namespace Weir.Server.Keys;

/// <summary>Makes, lists and revokes keys, straight in the state store: used by the endpoints, and by the command line when no server runs.</summary>
internal sealed class KeyStore(IStateStore store, TimeProvider time)
{
    public const string Partition = "config";
    public const string KeyPrefix = "keys/";

    private const string IdAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    /// <summary>Stores a new key.</summary>
    /// <returns>The record, and the secret: it is shown this once and cannot be read again.</returns>
    /// <exception cref="StoreUnavailableException">The store is away, or did not say whether it took the key.</exception>
    public async Task<(KeyRecord Record, string Secret)> CreateAsync(KeyRequest request, CancellationToken cancellationToken)
    {
        var secret = KeySecret.Create();
        var id = "key_" + RandomNumberGenerator.GetString(IdAlphabet, 12);
        var record = request.ToRecord(id, secret, time.GetUtcNow());
        var body = JsonSerializer.SerializeToUtf8Bytes(record, KeyJson.Default.KeyRecord);
        var commit = new Commit(Partition) { Writes = [new Write(KeyPrefix + id, 0, body)] };
        return await CommitAsync(commit, cancellationToken)
            ? (record, secret)
            : throw new StoreUnavailableException("The store refused the new key.");
    }

    public async Task<IReadOnlyList<KeyRecord>> ListAsync(CancellationToken cancellationToken)
    {
        const int Page = 500;
        var records = new List<KeyRecord>();
        string? after = null;
        while (true)
        {
            var page = await store.ListAsync(Partition, KeyPrefix, after, Page, cancellationToken);
            foreach (var document in page)
            {
                if (TryRead(document) is { } record) records.Add(record);
            }

            if (page.Count < Page) return records;
            after = page[^1].Key;
        }
    }

    /// <summary>Removes a key.</summary>
    /// <returns>False where there is none of that id.</returns>
    public async Task<bool> RevokeAsync(string id, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await store.ReadAsync(Partition, KeyPrefix + id, cancellationToken) is not { } document) return false;

            var commit = new Commit(Partition) { Writes = [new Write(document.Key, document.Version, null)] };
            if (await CommitAsync(commit, cancellationToken)) return true;
            // Lost: somebody changed or removed it meanwhile; look again.
        }
    }

    /// <summary>Whether a key was revoked, or has expired. One whose record cannot be read is neither.</summary>
    public async Task<bool> IsGoneAsync(string id, CancellationToken cancellationToken) =>
        await store.ReadAsync(Partition, KeyPrefix + id, cancellationToken) is not { } document || (TryRead(document)?.Expires is { } at && at <= time.GetUtcNow());

    private static KeyRecord? TryRead(Document document)
    {
        try
        {
            return JsonSerializer.Deserialize(document.Body.Span, KeyJson.Default.KeyRecord);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task<bool> CommitAsync(Commit commit, CancellationToken cancellationToken)
    {
        var outcome = await store.CommitAsync(commit, cancellationToken);
        if (outcome is CommitOutcome.Unknown) outcome = await store.SettleAsync(commit, cancellationToken);
        return outcome switch
        {
            CommitOutcome.Committed => true,
            CommitOutcome.Lost => false,
            _ => throw new StoreUnavailableException("The store did not say whether it took the change; list the keys to see."),
        };
    }
}
