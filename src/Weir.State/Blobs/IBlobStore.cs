namespace Weir.State;

/// <summary>Immutable bytes: durable before the document that names them is committed, removed after it.</summary>
public interface IBlobStore
{
    /// <returns>The blob's id, once every byte is durable.</returns>
    ValueTask<string> WriteAsync(Stream content, CancellationToken cancellationToken = default);

    /// <summary>Null where there is no such blob.</summary>
    ValueTask<Stream?> OpenAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>Removing what is not there is no error.</summary>
    ValueTask RemoveAsync(string id, CancellationToken cancellationToken = default);
}
