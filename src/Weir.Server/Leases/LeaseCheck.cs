using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Upkeep;
using Weir.Server.Observability.Health;

namespace Weir.Server.Leases;

/// <summary>Kinds and resources among what this replica depends on.</summary>
internal sealed class LeaseCheck(IFleetView view, IDoors doors, IKindDesk desk, ConfiguredKinds configured) : IReadinessCheck
{
    private const int MostTold = 50;

    public string Name => "leases";

    public DependencyHealth Check()
    {
        if (!view.IsKnown)
            return DependencyHealth.Degraded("The leases of the fleet have not been read yet: nothing is granted here until they are.");
        var (details, causes) = (new List<string>(), new List<string>());
        if (doors.AreShut)
            details.Add("The feed of leases is more than 2 s behind the store: doors are shut until it has come so far.");
        foreach (var (name, fault) in configured.Faults)
        {
            details.Add($"{name}: it could not be made from the configuration.");
            causes.Add($"{name}: it could not be made from the configuration: {fault}");
        }

        foreach (var kind in desk.Status())
        {
            if (desk.Unable(kind.Name) is { } unable)
            {
                details.Add($"{kind.Name}: this replica can have none ({unable.Code}).");
                causes.Add($"{kind.Name}: this replica can have none: {unable.Message}");
            }

            if (kind.Quarantined == 0)
                continue;
            details.Add($"{kind.Name}: {kind.Quarantined} of {kind.Total} are quarantined.");
            causes.AddRange(view.Resources(kind.Name).Select(one => one.Value).Where(resource => resource.State == ResourceState.Quarantined)
                .Select(resource => $"{resource.Id} is quarantined{(resource.Held ? " by an operator" : "")}: {resource.Reason ?? "no reason given"}").Take(MostTold));
        }

        return details.Count == 0 ? DependencyHealth.Ok : DependencyHealth.Degraded([.. details.Take(MostTold)]) with { Causes = [.. causes.Take(MostTold)] };
    }
}
