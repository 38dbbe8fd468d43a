using Weir.Leases.Documents;

namespace Weir.Leases.Fleet;

/// <summary>A resource in the tables, and where it stands among those that may be given out.</summary>
internal sealed class FleetResource(Stored<ResourceRecord> stored)
{
    public Stored<ResourceRecord> Stored { get; } = stored;

    public ResourceRecord Record => Stored.Value;

    public string Home => Record.Home ?? "";

    public bool IsWarm => Record.Instance is not null;

    /// <summary>The same on every replica.</summary>
    public uint Hash { get; } = StableHash.Of(stored.Value.Id);

    /// <summary>It is asked for and no operator holds it back, so it is free now or some time.</summary>
    public bool IsUsable { get; set; }

    /// <summary>Its index in its list of free ones; -1: it is in none.</summary>
    public int Place { get; set; } = -1;
}

/// <summary>The free resources of one kind and one home: those with an instance, and those without. Adding, removing and taking one cost the same however many there are.</summary>
internal sealed class FreeResources
{
    private readonly List<FleetResource> _warm = [];
    private readonly List<FleetResource> _cold = [];

    public int Count => _warm.Count + _cold.Count;

    public void Add(FleetResource resource)
    {
        var list = ListOf(resource);
        resource.Place = list.Count;
        list.Add(resource);
    }

    public void Remove(FleetResource resource)
    {
        var list = ListOf(resource);
        var last = list[^1];
        (list[resource.Place], last.Place) = (last, resource.Place);
        list.RemoveAt(list.Count - 1);
        resource.Place = -1;
    }

    /// <summary>Picks resources until there are <paramref name="count"/>, this replica's share of them first, so that two replicas rarely race for the same.</summary>
    /// <param name="picked">What is picked already, and then more.</param>
    /// <param name="count">How many there shall be.</param>
    /// <param name="warm">From those with an instance, or those without.</param>
    /// <param name="share">Whose share.</param>
    public void Pick(List<FleetResource> picked, int count, bool warm, ReplicaShare share)
    {
        var list = warm ? _warm : _cold;
        List<FleetResource>? others = null;
        for (var i = list.Count - 1; i >= 0 && picked.Count < count; i--)
        {
            if (share.Holds(list[i].Hash))
                picked.Add(list[i]);
            else if ((others ??= []).Count < count)
                others.Add(list[i]);
        }

        for (var i = 0; i < (others?.Count ?? 0) && picked.Count < count; i++)
            picked.Add(others![i]);
    }

    private List<FleetResource> ListOf(FleetResource resource) => resource.IsWarm ? _warm : _cold;
}

/// <summary>The part of everything that a replica turns to first.</summary>
/// <param name="Index">Its place among the replicas.</param>
/// <param name="Replicas">How many there are.</param>
internal readonly record struct ReplicaShare(int Index, int Replicas)
{
    public bool Holds(uint hash) => Replicas <= 1 || hash % (uint)Replicas == (uint)Index;
}

/// <summary>FNV-1a: the same in every process, unlike the runtime's.</summary>
internal static class StableHash
{
    public static uint Of(string text)
    {
        var hash = 2166136261u;
        foreach (var c in text)
            hash = unchecked((hash ^ c) * 16777619u);
        return hash ^ (hash >> 15);
    }
}
