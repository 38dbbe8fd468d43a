using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep.Slots;

namespace Weir.Leases.Upkeep.Resets;

/// <summary>One resource to be brought back to use, or out of the world.</summary>
/// <param name="Resource">As it is stored.</param>
/// <param name="Kind">Its kind.</param>
/// <param name="IsWanted">Afterwards it is free; else it is removed.</param>
/// <param name="Creates">A new instance is made for it; else it is free and cold.</param>
internal sealed record ResetWork(Stored<ResourceRecord> Resource, KnownKind Kind, bool IsWanted, bool Creates);

/// <summary>What this replica has to reset, make and end now: a pure function of what there is.</summary>
/// <param name="Work">To begin now.</param>
/// <param name="NextAt">When there may be more to do though nothing has changed, in store time. Null: not by itself.</param>
internal sealed record ResetPlan(IReadOnlyList<ResetWork> Work, DateTimeOffset? NextAt)
{
    /// <param name="scene">What there is.</param>
    /// <param name="isAble">As for <see cref="SlotPlan.Of"/>.</param>
    /// <param name="isAdopted">Whether it is known of a sort which of its instances stand; before that, nothing is done to them.</param>
    /// <param name="gone">What does the work for a kind that is not stored any more.</param>
    /// <param name="atOnce">How many of one kind at most.</param>
    public static ResetPlan Of(ResourceScene scene, Func<KnownKind, bool?> isAble, Func<string, bool> isAdopted, Func<string, KnownKind?> gone, int atOnce)
    {
        var work = new List<ResetWork>();
        DateTimeOffset? next = null;
        foreach (var ofKind in scene.Resources.Where(resource => resource.Value.Home is null || resource.Value.Home == scene.Home).GroupBy(resource => resource.Value.Kind, StringComparer.Ordinal))
        {
            var kind = scene.Kinds.Find(ofKind.Key) ?? (scene.Kinds.IsStored(ofKind.Key) ? null : gone(ofKind.Key));
            if (kind is null || !isAdopted(kind.Sort.Name))
                continue;
            var room = atOnce - ofKind.Count(resource => scene.IsBusy(resource.Value.Id));
            var warm = ofKind.Count(resource => IsWarm(scene, resource.Value, kind));
            var lacking = kind.HasInstances ? kind.Options.Warm - warm : 0;
            foreach (var resource in ofKind.OrderBy(resource => Rank(resource.Value)))
            {
                if (room <= 0)
                    break;
                if (scene.IsBusy(resource.Value.Id) || SlotPlan.IsWanted(scene, resource.Value, isAble) is not { } wanted || Due(scene, resource.Value, kind, wanted, lacking, ref next) is not { } due)
                    continue;
                var creates = wanted && kind.HasInstances && (due == Reason.Retry || lacking > 0);
                work.Add(new ResetWork(resource, kind, wanted, creates));
                room--;
                lacking -= creates ? 1 : 0;
            }
        }

        return new ResetPlan(work, next);
    }

    private static bool IsWarm(ResourceScene scene, ResourceRecord record, KnownKind kind) =>
        scene.Busy.TryGetValue(record.Id, out var creates) ? creates : record is { State: ResourceState.Free, Instance: { } instance } && kind.IsOfDefinition(instance);

    // What was given back comes before what is only kept ready.
    private static int Rank(ResourceRecord record) => record.State switch { ResourceState.Resetting => 0, ResourceState.Quarantined => 1, _ => record.Instance is null ? 3 : 2 };

    private static Reason? Due(ResourceScene scene, ResourceRecord record, KnownKind kind, bool wanted, int lacking, ref DateTimeOffset? next)
    {
        if (record.State != ResourceState.Leased && record.IsClaimedByAnother(scene.Replica, scene.Now))
        {
            next = Earlier(next, record.Claim!.Until);
            return null;
        }

        switch (record.State)
        {
            case ResourceState.Resetting:
                return Reason.Reset;
            case ResourceState.Quarantined when !wanted:
                return record.Instance is null ? null : Reason.Reset;
            case ResourceState.Quarantined when !record.Held && record.RetryAt is { } at:
                if (at <= scene.Now)
                    return Reason.Retry;
                next = Earlier(next, at);
                return null;
            case ResourceState.Quarantined when !record.Held && (kind.HasInstances || !kind.Has(KindTraits.Checks)):
                // A check had put it there, and there are none any more.
                return Reason.Retry;
            case ResourceState.Free when record.Instance is { } instance:
                return wanted && kind.IsOfDefinition(instance) ? null : Reason.Reset;
            case ResourceState.Free when wanted && lacking > 0:
                return Reason.Reset;
            default:
                return null;
        }
    }

    private static DateTimeOffset Earlier(DateTimeOffset? one, DateTimeOffset other) => one < other ? one.Value : other;

    private enum Reason
    {
        Reset,

        /// <summary>It failed before: only one that was made shows that it is well again.</summary>
        Retry,
    }
}
