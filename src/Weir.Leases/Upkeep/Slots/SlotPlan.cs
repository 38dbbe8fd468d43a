using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;

namespace Weir.Leases.Upkeep.Slots;

/// <summary>What has to be written so that there are the resources which the definitions ask for: a pure function of both.</summary>
internal static class SlotPlan
{
    /// <param name="scene">What there is.</param>
    /// <param name="isAble">Whether this replica can have instances of a kind. Null: not known yet, and nothing of it is changed.</param>
    /// <param name="isGone">Whether a home has been away for so long that nobody waits for it.</param>
    public static IReadOnlyList<Write> Of(ResourceScene scene, Func<KnownKind, bool?> isAble, Func<string, bool> isGone)
    {
        var there = scene.Resources.Select(resource => resource.Value.Id).ToHashSet(StringComparer.Ordinal);
        var missing = scene.Kinds.All.SelectMany(kind => Asked(kind, scene.Home, isAble)).Where(record => !there.Contains(record.Id)).Select(record => FleetCommits.Put(record, 0));
        var surplus = scene.Resources.Where(resource => MayGo(scene, resource, isAble, isGone)).Select(FleetCommits.Remove);
        return [.. missing, .. surplus];
    }

    /// <summary>Whether a resource that this replica may work on is still asked for. Null: it cannot be told here.</summary>
    public static bool? IsWanted(ResourceScene scene, ResourceRecord record, Func<KnownKind, bool?> isAble)
    {
        if (scene.Kinds.Find(record.Kind) is not { } kind)
            return scene.Kinds.IsStored(record.Kind) ? null : false;
        if (kind.HasInstances != record.Home is not null || !kind.Slots.Contains(record.Slot))
            return false;
        return record.Home is null ? true : isAble(kind);
    }

    public static string IdOf(string kind, string? home, string slot) => home is null ? $"{kind}.{slot}" : $"{kind}.{home}.{slot}";

    /// <summary>What there should be of a kind, as far as this replica makes it, as it is when it is new.</summary>
    public static IEnumerable<ResourceRecord> Asked(KnownKind kind, string home, Func<KnownKind, bool?> isAble)
    {
        if (kind.HasInstances && isAble(kind) != true)
            yield break;
        var at = kind.HasInstances ? home : null;
        // Nobody knows how it was left, or whether it is there at all.
        var isUnknown = !kind.HasInstances && kind.Has(KindTraits.Resets | KindTraits.Checks);
        foreach (var slot in kind.Slots)
            yield return new ResourceRecord { Id = IdOf(kind.Name, at, slot), Kind = kind.Name, Slot = slot, Home = at, State = isUnknown ? ResourceState.Resetting : ResourceState.Free };
    }

    // What has an instance goes through a reset, which ends it first.
    private static bool MayGo(ResourceScene scene, Stored<ResourceRecord> resource, Func<KnownKind, bool?> isAble, Func<string, bool> isGone)
    {
        var record = resource.Value;
        if (record.State == ResourceState.Leased || scene.IsBusy(record.Id))
            return false;
        if (record.Home is { } home && home != scene.Home)
            return isGone(home);
        return record.Instance is null && !record.IsClaimedByAnother(scene.Replica, scene.Now) && IsWanted(scene, record, isAble) == false;
    }
}
