using Weir.Inference.Embeddings;

namespace Weir.Inference.Load;

/// <summary>Micro-batches go by the load profile.</summary>
internal sealed class LoadBatchPace(LoadProfiles load) : IBatchPace
{
    public BatchPace Current
    {
        get
        {
            var profile = load.Current;
            return new BatchPace(profile.BatchSize, profile.BatchWait);
        }
    }
}
