using Weir.Retrieval.Embedding;
using Weir.Server.Observability.Health;

namespace Weir.Server.Retrieval;

/// <summary>The embedding models, as readiness and status tell of them: one that cannot be loaded degrades the replica, and takes it nowhere.</summary>
internal sealed class EmbeddingCheck(EmbeddingService service) : IReadinessCheck
{
    public string Name => "embeddings";

    public DependencyHealth Check()
    {
        var faulty = service.DescribeModels().Where(static model => model.Error is not null).ToList();
        return faulty.Count == 0 ? DependencyHealth.Ok : DependencyHealth.Degraded([.. faulty.Select(Told)]) with
        {
            Causes = [.. faulty.Select(static model => $"{model.Name}: {model.Error}")],
        };
    }

    private static string Told(EmbeddingModelInfo model) =>
        $"{model.Name}: it cannot be loaded{(model.State == EmbeddingModelState.Ready ? " as it is now; the last one that could be answers" : "")}.";
}

/// <param name="Name">As requests name it.</param>
/// <param name="Kind">hashing, static or route.</param>
/// <param name="State">unloaded, loading, ready or failed.</param>
internal sealed record EmbeddingModelStatus(string Name, EmbeddingModelKind Kind, EmbeddingModelState State)
{
    public static IReadOnlyList<EmbeddingModelStatus> Of(EmbeddingService service) =>
        [.. service.DescribeModels().Select(static model => new EmbeddingModelStatus(model.Name, model.Kind, model.State))];
}
