namespace Weir.State;

/// <summary>Immutable bytes: durable before the document that names them is committed, removed after it.</summary>
public interface IBlobStore
{
    /// <summary>An id that no blob has: whoever writes it down before it writes the blob can remove what a crash left in between.</summary>
    static string NewId() => Guid.CreateVersion7().ToString("N");

    /// <summary>Returns once every byte is durable; until then there is no such blob.</summary>
    /// <param name="id">From <see cref="NewId"/>, and used once.</param>
    /// <param name="content">Read to its end.</param>
    /// <param name="cancellationToken">Ends it, and leaves nothing.</param>
    /// <exception cref="StoreUnavailableException">The store is away, or full.</exception>
    ValueTask WriteAsync(string id, Stream content, CancellationToken cancellationToken = default);

    /// <summary>Null where there is no such blob.</summary>
    ValueTask<Stream?> OpenAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>Removing what is not there is no error; what a write that was cut short left of a blob is removed too.</summary>
    ValueTask RemoveAsync(string id, CancellationToken cancellationToken = default);
}

/// <summary>What an id of a blob may be, since it becomes part of a path and of keys.</summary>
internal static class BlobId
{
    public static bool IsValid(string id) => id.Length == 32 && id.All(char.IsAsciiHexDigitLower);

    /// <exception cref="ArgumentException">It is none.</exception>
    public static void Validate(string id)
    {
        if (!IsValid(id))
            throw new ArgumentException($"'{id}' is no id of a blob: {nameof(IBlobStore)}.{nameof(IBlobStore.NewId)} gives them.", nameof(id));
    }
}
