namespace Weir.Leases.Broker;

/// <summary>A quota that a lease would go beyond, and says itself in a sentence.</summary>
/// <param name="Kind">Of which kind.</param>
/// <param name="Asked">How many the lease asks for.</param>
/// <param name="Held">How many are held already.</param>
/// <param name="Limit">How many may be.</param>
/// <param name="Of">Whose quota it is: <c>worker</c> or <c>key</c>.</param>
internal readonly record struct QuotaInTheWay(string Kind, int Asked, int Held, int Limit, string Of)
{
    public override string ToString() => $"one {Of} may hold {Limit} of '{Kind}' (limits.per_{Of}), this one holds {Held} and asked for {Asked} more.";
}
