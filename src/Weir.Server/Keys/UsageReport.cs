using System.Globalization;

namespace Weir.Server.Keys;

/// <summary>One line of <c>GET /v1/usage</c>; what was not asked to be told apart is null.</summary>
internal sealed record UsageLine
{
    public string? Key { get; init; }

    public string? Model { get; init; }

    public string? Provider { get; init; }

    public DateOnly? Day { get; init; }

    public long Requests { get; init; }

    public long InputTokens { get; init; }

    public long OutputTokens { get; init; }

    public decimal Cost { get; init; }
}

/// <summary>Sums usage over days: what is stored, and what this replica has counted since its last flush.</summary>
internal sealed class UsageReport(UsageLedger ledger, KeyStates states)
{
    /// <param name="from">The first day, UTC.</param>
    /// <param name="to">The last day.</param>
    /// <param name="by">What to tell apart.</param>
    /// <param name="onlyKey">One key's usage alone. Null: every key's.</param>
    /// <param name="cancellationToken">Ends the wait for the store.</param>
    public Task<IReadOnlyList<UsageLine>> ReadAsync(
        DateOnly from, DateOnly to, UsageBy by, string? onlyKey, CancellationToken cancellationToken) =>
        ledger.ReadAsync(() => SumAsync(from, to, by, onlyKey, cancellationToken), cancellationToken);

    private async Task<IReadOnlyList<UsageLine>> SumAsync(
        DateOnly from, DateOnly to, UsageBy by, string? onlyKey, CancellationToken cancellationToken)
    {
        var sums = new SortedDictionary<(string Day, string Key, string Model, string Provider), UsageTotals>();

        void Add(DateOnly day, string key, string name, UsageTotals totals)
        {
            if (onlyKey is not null && onlyKey != key) return;
            var (model, provider) = UsageKey.Split(name);
            var slot = (
                by.HasFlag(UsageBy.Day) ? day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) : "",
                by.HasFlag(UsageBy.Key) ? key : "",
                by.HasFlag(UsageBy.Model) ? model : "",
                by.HasFlag(UsageBy.Provider) ? provider ?? "" : "");
            sums[slot] = sums.GetValueOrDefault(slot) + totals;
        }

        for (var day = from; day <= to; day = day.AddDays(1))
        {
            await foreach (var document in ledger.ListDayAsync(day, cancellationToken))
            {
                foreach (var (name, totals) in document.Models) Add(day, document.Key, name, totals);
            }
        }

        foreach (var state in states.All)
        {
            foreach (var (usage, totals) in state.WithUsage(u => u.Unwritten()))
            {
                if (usage.Day >= from && usage.Day <= to) Add(usage.Day, state.KeyId, usage.Name, totals);
            }
        }

        return [.. sums.Select(s => new UsageLine
        {
            Day = s.Key.Day.Length == 0 ? null : DateOnly.ParseExact(s.Key.Day, "yyyy-MM-dd", CultureInfo.InvariantCulture),
            Key = s.Key.Key.Length == 0 ? null : s.Key.Key,
            Model = s.Key.Model.Length == 0 ? null : s.Key.Model,
            Provider = s.Key.Provider.Length == 0 ? null : s.Key.Provider,
            Requests = s.Value.Requests,
            InputTokens = s.Value.InputTokens,
            OutputTokens = s.Value.OutputTokens,
            Cost = s.Value.Cost,
        })];
    }
}

/// <summary>What usage is told apart by.</summary>
[Flags]
internal enum UsageBy
{
    None = 0,
    Key = 1,
    Model = 2,
    Day = 4,
    Provider = 8,
}
