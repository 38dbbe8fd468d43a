using System.Diagnostics.Metrics;
using Weir.Inference.Batches.Documents;
using Weir.Inference.Batches.Results;

namespace Weir.Inference.Batches;

/// <summary>What batches count.</summary>
internal sealed class BatchMetrics
{
    private readonly Counter<long> _batches;
    private readonly Counter<long> _lines;
    private readonly UpDownCounter<long> _underWay;

    public BatchMetrics(IMeterFactory factory)
    {
        var meter = factory.Create(InferenceMetrics.MeterName);
        _batches = meter.CreateCounter<long>("weir.batch.batches", "{batch}", "Batches that have ended, by how.");
        _lines = meter.CreateCounter<long>("weir.batch.lines", "{line}", "Lines of batches by outcome: completed, failed, or to be tried again.");
        _underWay = meter.CreateUpDownCounter<long>("weir.batch.in_flight", "{line}", "Lines of batches under way now.");
    }

    public void Started() => _underWay.Add(1);

    public void Ended() => _underWay.Add(-1);

    public void Retried() => _lines.Add(1, new KeyValuePair<string, object?>("outcome", "retried"));

    public void Finished(LineKind kind) =>
        _lines.Add(1, new KeyValuePair<string, object?>("outcome", kind == LineKind.Output ? "completed" : "failed"));

    public void Ended(BatchStatus status) => _batches.Add(1, new KeyValuePair<string, object?>("outcome", BatchText.Of(status)));
}
