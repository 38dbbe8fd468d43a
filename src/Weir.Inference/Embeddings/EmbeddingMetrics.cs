using System.Diagnostics.Metrics;

namespace Weir.Inference.Embeddings;

/// <summary>What the batches of embeddings count.</summary>
internal sealed class EmbeddingMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Histogram<int> _requests;
    private readonly Histogram<int> _inputs;

    public EmbeddingMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(InferenceMetrics.MeterName);
        _requests = _meter.CreateHistogram<int>("weir.embeddings.batch.requests", "{request}", "Requests, or parts of large ones, that went to a provider as one.");
        _inputs = _meter.CreateHistogram<int>("weir.embeddings.batch.inputs", "{input}", "Inputs that went to a provider in one call, duplicates included.");
    }

    public void Sent(int requests, int inputs)
    {
        _requests.Record(requests);
        _inputs.Record(inputs);
    }

    public void Dispose() => _meter.Dispose();
}
