using System.Text.Json;
using Weir.Leases;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;

namespace Weir.Server.Leases;

/// <summary>What a resource shows.</summary>
internal sealed record ObservationView
{
    /// <summary>A PNG, as base64. Null: it has no screen.</summary>
    public ReadOnlyMemory<byte>? Screenshot { get; init; }

    public JsonElement? AccessibilityTree { get; init; }

    public string? Text { get; init; }

    /// <summary>Why it could not be looked at.</summary>
    public FaultView? Error { get; init; }

    public static ObservationView? Of(KindResult<Observation?> seen) => seen switch
    {
        { Error: { } error } => new() { Error = FaultView.Of(error) },
        { Value: { } value } => new() { Screenshot = value.Screenshot, AccessibilityTree = value.AccessibilityTree, Text = value.Text },
        _ => null,
    };
}

/// <param name="Code">Stable, in snake_case.</param>
/// <param name="Message">What is wrong and what to do.</param>
internal sealed record FaultView(string Code, string Message)
{
    public static FaultView Of(LeaseError error) => new(error.Code, error.Message);
}

/// <summary>What <c>GET /v1/leases/{id}/observations</c> answers: under each kind its first resource, and under <c>resources</c> every one by its id.</summary>
internal static class ObservationShape
{
    public static IReadOnlyDictionary<string, object> Of(LeaseRecord lease, LeaseObservations seen)
    {
        var (byKind, byResource) = (new Dictionary<string, object>(StringComparer.Ordinal), new Dictionary<string, ObservationView>(StringComparer.Ordinal));
        foreach (var holding in lease.Holdings)
        {
            if (!seen.ByResource.TryGetValue(holding.Resource, out var one) || ObservationView.Of(one) is not { } view)
                continue;
            byResource[holding.Resource] = view;
            byKind.TryAdd(holding.AskedAs, view);
        }

        byKind["resources"] = byResource;
        return byKind;
    }
}
