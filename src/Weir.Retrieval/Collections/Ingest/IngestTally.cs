namespace Weir.Retrieval.Collections.Ingest;

/// <summary>Counts what becomes of an ingest; one at a time changes it.</summary>
internal sealed class IngestTally(int failuresListed)
{
    private readonly List<IngestFailure> _failed = [];
    private int _documents;
    private int _chunks;
    private int _unchanged;
    private int _failedTotal;

    /// <summary>Of the last commit; 0: there was none.</summary>
    public long Revision { get; private set; }

    public IngestReport Report => new()
    {
        Documents = _documents,
        Chunks = _chunks,
        Unchanged = _unchanged,
        Failed = [.. _failed],
        FailedTotal = _failedTotal,
    };

    public void Fail(IngestFailure failure)
    {
        _failedTotal++;
        if (_failed.Count < failuresListed)
            _failed.Add(failure);
    }

    public void Add(StoredBatch batch)
    {
        (_documents, _chunks, _unchanged) = (_documents + batch.Documents, _chunks + batch.Chunks, _unchanged + batch.Unchanged);
        Revision = Math.Max(Revision, batch.Revision);
    }
}
