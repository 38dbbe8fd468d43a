using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep;
using Weir.Retrieval.Collections;
using Weir.Server.Hosting;

namespace Weir.Server.Leases;

/// <summary>Makes of kinds and resources what is shown of them, and to whom.</summary>
internal sealed class KindViews(IKindDesk desk, IFleetView view, KindSorts sorts, KnowledgeCollections collections)
{
    /// <param name="asker">A key that may lease only some kinds sees only those; admins see definitions.</param>
    public IReadOnlyList<KindView> Read(LeaseAsker asker) =>
        [.. desk.Status().Where(kind => asker.IsAdmin || asker.MayUseKind?.Invoke(kind.Name) != false).Select(kind => Of(kind, asker.IsAdmin))];

    public KindView? Read(LeaseAsker asker, string name) => Read(asker).FirstOrDefault(kind => kind.Name == name);

    /// <param name="asker">Sees the leases of its tenant; an admin all.</param>
    /// <param name="resource">The resource.</param>
    public ResourceView Of(LeaseAsker asker, ResourceRecord resource)
    {
        var lease = resource.Lease is { } id && view.Lease(id) is { } stored && (asker.IsAdmin || stored.Value.Tenant == asker.Tenant) ? stored.Value : null;
        var makes = view.Kind(resource.Kind) is { } kind && sorts.Of(resource.Kind)?.TraitsOf(kind.Value.Options).HasFlag(KindTraits.Instances) == true;
        return new ResourceView
        {
            Id = resource.Id,
            Kind = resource.Kind,
            Slot = resource.Slot,
            Home = resource.Home,
            State = resource.State,
            Warm = makes ? resource.Instance is not null : null,
            Lease = lease?.Id,
            WorkerId = lease?.WorkerId,
            Reason = asker.IsAdmin ? resource.Reason : null,
            Held = resource.Held ? true : null,
            Failures = resource.Failures == 0 ? null : resource.Failures,
            RetryAt = resource.RetryAt,
        };
    }

    /// <summary>The definition as it is written in a configuration, without what nobody may read.</summary>
    internal static JsonElement DefinitionOf(KindOptions options)
    {
        var shown = JsonSerializer.SerializeToNode(options, WireJson.Options)!.AsObject();
        foreach (var endpoint in shown["endpoints"]!.AsArray())
        {
            var headers = endpoint!["headers"]!.AsObject();
            endpoint["headers"] = new JsonObject(headers.Select(header => KeyValuePair.Create(header.Key, (JsonNode?)KindChange.Hidden)));
        }

        return JsonSerializer.SerializeToElement(shown);
    }

    private KindView Of(KindStatus status, bool withDefinition)
    {
        var options = view.Kind(status.Name)?.Value.Options;
        return new KindView
        {
            Name = status.Name,
            Aliases = options?.Aliases ?? [],
            Total = status.Total,
            Free = status.Free,
            Leased = status.Leased,
            Resetting = status.Resetting,
            Quarantined = status.Quarantined,
            Waiting = status.Waiting,
            Allocations = status.Allocations,
            Releases = status.Releases,
            Unable = desk.Unable(status.Name) is { } error ? FaultView.Of(error) : null,
            Note = options?.Collection is { } collection ? NoteOf(collection) : null,
            Definition = withDefinition && options is not null ? DefinitionOf(options) : null,
        };
    }

    // A tenant may have one of its own by that name, so this is no fault.
    private string? NoteOf(string collection) => collections.Global.Any(known => known.Name == collection)
        ? null
        : $"Its collection '{collection}' is not among those that all share: a lease works only for a tenant that has one of that name, or names another in its config.";
}
