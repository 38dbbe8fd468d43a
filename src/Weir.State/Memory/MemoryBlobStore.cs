using System.Collections.Concurrent;

namespace Weir.State.Memory;

internal sealed class MemoryBlobStore : IBlobStore
{
    private readonly ConcurrentDictionary<string, byte[]> _blobs = new(StringComparer.Ordinal);

    public async ValueTask WriteAsync(string id, Stream content, CancellationToken cancellationToken = default)
    {
        BlobId.Validate(id);
        using var copy = new MemoryStream();
        await content.CopyToAsync(copy, cancellationToken);
        _blobs[id] = copy.ToArray();
    }

    public ValueTask<Stream?> OpenAsync(string id, CancellationToken cancellationToken = default) =>
        new(_blobs.TryGetValue(id, out var bytes) ? new MemoryStream(bytes, writable: false) : null);

    public ValueTask RemoveAsync(string id, CancellationToken cancellationToken = default)
    {
        _blobs.TryRemove(id, out _);
        return ValueTask.CompletedTask;
    }
}
