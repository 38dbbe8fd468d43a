using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Loading;
using Weir.Server.Observability.Health;

namespace Weir.Server.Retrieval;

/// <summary>How the collections are that all share: those of tenants are nobody else's business.</summary>
internal sealed class CollectionStatus(KnowledgeCollections collections, ConfiguredCollections configured)
{
    /// <param name="withDetails">An admin asks: they name files.</param>
    public IReadOnlyList<CollectionReport> Read(bool withDetails)
    {
        var states = configured.States;
        return [.. collections.Global.Select(view =>
        {
            var state = states.GetValueOrDefault(view.Name);
            // Where another replica loads, all that is known here is whether anything has come.
            var isLoading = view.State == "loading" || state is { HasFiles: true, IsLoaded: false } && (state.Files is not null || view.Documents is null or 0);
            var isFaulty = state?.Faults.Count > 0;
            return new CollectionReport(
                view.Name, view.State == "degraded" ? view.State : isLoading ? "loading" : isFaulty ? "degraded" : view.State, view.Documents, view.Chunks, state?.Files,
                withDetails ? [.. new[] { view.Detail }.OfType<string>().Concat(state?.Faults ?? [])] : []);
        })];
    }
}

/// <param name="Name">As in paths.</param>
/// <param name="State">idle, loading, ready, embedding or degraded.</param>
/// <param name="Documents">Null: its index is not in this replica's memory.</param>
/// <param name="Chunks">The same.</param>
/// <param name="Files">Loaded ones that are in; null: another replica loads them, or there are none.</param>
/// <param name="Details">What is wrong; empty but for admins.</param>
internal sealed record CollectionReport(string Name, string State, int? Documents, int? Chunks, int? Files, IReadOnlyList<string> Details);

/// <summary>Collections among what this replica depends on; files are named to admins only, in <c>/v1/status</c>.</summary>
internal sealed class CollectionCheck(CollectionStatus status) : IReadinessCheck
{
    public string Name => "collections";

    public DependencyHealth Check()
    {
        var reports = status.Read(withDetails: false);
        IReadOnlyList<string> details = [.. reports.Select(report => report.Documents is { } documents
            ? $"{report.Name}: {report.State}, {documents} documents, {report.Chunks} chunks"
            : $"{report.Name}: {report.State}")];
        return new DependencyHealth(reports.Any(report => report.State == "degraded") ? "degraded" : "ok", details);
    }
}
