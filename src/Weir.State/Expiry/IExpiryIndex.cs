namespace Weir.State.Expiry;

/// <summary>What a store knows of documents whose time is up. They stay readable until a commit deletes them.</summary>
internal interface IExpiryIndex
{
    /// <summary>Documents that expired by store time, earliest first.</summary>
    ValueTask<IReadOnlyList<Expired>> DueAsync(int limit, CancellationToken cancellationToken);
}

internal readonly record struct Expired(string Partition, string Key, long Version);
