namespace Weir.Server.Keys;

/// <summary>What one request used, when that is known.</summary>
internal readonly record struct KeyUsage
{
    /// <summary>The name that the client asked for.</summary>
    public required string Model { get; init; }

    /// <summary>Who answered. Null where no provider did.</summary>
    public string? Provider { get; init; }

    public long InputTokens { get; init; }

    public long OutputTokens { get; init; }

    /// <summary>In the currency of <c>prices</c>; 0 where no price is known.</summary>
    public decimal Cost { get; init; }

    /// <summary>It belongs to a request that has been counted.</summary>
    public bool IsContinued { get; init; }
}

/// <summary>Sums of <see cref="KeyUsage"/>.</summary>
internal readonly record struct UsageTotals(long Requests, long InputTokens, long OutputTokens, decimal Cost)
{
    public static UsageTotals operator +(UsageTotals a, UsageTotals b) =>
        new(a.Requests + b.Requests, a.InputTokens + b.InputTokens, a.OutputTokens + b.OutputTokens, a.Cost + b.Cost);
}

/// <summary>What one key used on one day, all replicas together, as it is stored.</summary>
internal sealed record UsageDocument
{
    public required string Key { get; init; }

    public required string Tenant { get; init; }

    /// <summary>A day of the UTC calendar.</summary>
    public required DateOnly Day { get; init; }

    /// <summary>By <see cref="UsageKey.Name"/>.</summary>
    public required IReadOnlyDictionary<string, UsageTotals> Models { get; init; }

    /// <summary>By writing process, the last batch of its that is in here: what tells a repeated write from a new one.</summary>
    public IReadOnlyDictionary<string, long>? Writers { get; init; }
}
