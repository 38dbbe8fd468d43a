using Weir.State;
using Weir.State.Configured;

namespace Weir.Server.Applying;

/// <summary>What the configuration only makes where it is missing: how it compares with what is stored, and the order to overwrite that.</summary>
internal sealed class DocumentApply(IEnumerable<IConfiguredDocuments> kinds)
{
    private readonly IReadOnlyList<IConfiguredDocuments> _kinds = [.. kinds.OrderBy(kind => kind.Kind, StringComparer.Ordinal)];

    /// <summary>Only what is not as configured; null: the store has not told yet what there is.</summary>
    public async ValueTask<IReadOnlyList<DocumentReport>?> DifferencesAsync(CancellationToken cancellationToken)
    {
        try
        {
            return [.. (await ReadAsync(cancellationToken)).Where(report => report.Drift is DriftState.Differs or DriftState.Missing)];
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    /// <summary>All that is configured, and what all tenants share beside it.</summary>
    /// <exception cref="StoreUnavailableException">The store has not told yet what there is.</exception>
    public async ValueTask<IReadOnlyList<DocumentReport>> ReadAsync(CancellationToken cancellationToken)
    {
        var reports = new List<DocumentReport>();
        foreach (var kind in _kinds)
            reports.AddRange((await kind.CompareAsync(cancellationToken)).Select(drift => new DocumentReport(kind.Kind, drift.Name, drift.State, drift.Differences)));
        return reports;
    }

    /// <summary>Stores everything as configured; one that fails keeps no other from it. What is not configured stays.</summary>
    /// <exception cref="StoreUnavailableException">The store is away; what was done before stays done, and doing it again goes on from there.</exception>
    public async ValueTask<IReadOnlyList<DocumentReport>> ApplyAsync(CancellationToken cancellationToken)
    {
        var reports = new List<DocumentReport>();
        foreach (var report in await ReadAsync(cancellationToken))
        {
            if (report.Drift is DriftState.None or DriftState.Unnamed)
            {
                reports.Add(report);
                continue;
            }

            var error = await _kinds.First(kind => kind.Kind == report.Kind).OverwriteAsync(report.Name, cancellationToken);
            reports.Add(report with { Done = error is null, Error = error });
        }

        return reports;
    }
}

/// <param name="Kind"><c>collection</c>, <c>catalog</c> or <c>kind</c>.</param>
/// <param name="Name">Its name.</param>
/// <param name="Drift"><c>none</c>, <c>differs</c>, <c>missing</c> (configured, not stored) or <c>unnamed</c> (stored for all tenants, not configured: it is left alone).</param>
/// <param name="Differences">One sentence each.</param>
internal sealed record DocumentReport(string Kind, string Name, DriftState Drift, IReadOnlyList<string> Differences)
{
    /// <summary>It is stored as configured now. Null: nothing was to be done, or only to be shown.</summary>
    public bool? Done { get; init; }

    /// <summary>Why it could not be stored as configured.</summary>
    public string? Error { get; init; }
}
