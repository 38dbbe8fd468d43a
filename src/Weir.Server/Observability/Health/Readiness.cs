using System.Text.Json.Serialization;
using Weir.Server.Hosting;

namespace Weir.Server.Observability.Health;

/// <summary>Whether this replica wants requests, and how what it depends on is.</summary>
internal sealed class Readiness(Drain drain, IEnumerable<IReadinessCheck> checks)
{
    private readonly IReadinessCheck[] _checks = [.. checks.OrderBy(c => c.Name, StringComparer.Ordinal)];

    /// <param name="withCauses">An admin asks.</param>
    public ReadinessReport Read(bool withCauses = false) => new(
        drain.Phase switch
        {
            ServerPhase.Starting => "starting",
            ServerPhase.Draining => "draining",
            _ => "ready",
        },
        _checks.ToDictionary(c => c.Name, c => Told(c.Check(), withCauses)));

    private static DependencyHealth Told(DependencyHealth health, bool withCauses) =>
        withCauses && health.Causes is { } causes ? health with { Details = causes } : health;
}

/// <summary>What <c>/health/ready</c> answers.</summary>
/// <param name="Status"><c>starting</c>, <c>ready</c> or <c>draining</c>.</param>
/// <param name="Dependencies">Each by its name. A degraded one does not take the replica out of rotation: others would fare no better.</param>
internal sealed record ReadinessReport(string Status, IReadOnlyDictionary<string, DependencyHealth> Dependencies)
{
    [JsonIgnore]
    public bool IsReady => Status == "ready";
}
