namespace Weir.State;

/// <summary>What the store is, whether it answers, and what to change about it.</summary>
/// <param name="Kind"><c>sqlite</c>, <c>redis</c> or <c>memory</c>.</param>
/// <param name="Available">Whether the last contact succeeded.</param>
/// <param name="Warnings">One sentence each, with the setting to change; empty when all is well.</param>
public sealed record StoreHealth(string Kind, bool Available, IReadOnlyList<string> Warnings);
