namespace Weir.State.Files;

/// <summary>A blob is a file that appears under its id once it is whole and flushed.</summary>
internal sealed class FileBlobStore : IBlobStore
{
    private readonly string _folder;
    private readonly string _unfinished;

    /// <param name="folder">This process alone writes there: what an earlier one left unfinished is removed.</param>
    public FileBlobStore(string folder)
    {
        _folder = folder;
        _unfinished = Path.Combine(folder, "unfinished");
        DurableFile.MakeFolder(folder);
        if (Directory.Exists(_unfinished))
            Directory.Delete(_unfinished, recursive: true);
        DurableFile.MakeFolder(_unfinished);
    }

    public async ValueTask WriteAsync(string id, Stream content, CancellationToken cancellationToken = default)
    {
        BlobId.Validate(id);
        var temporary = Path.Combine(_unfinished, id);
        try
        {
            await using (var file = new FileStream(temporary, Unbuffered()))
            {
                await content.CopyToAsync(file, 1 << 17, cancellationToken);
                file.Flush(flushToDisk: true);
            }

            var path = PathOf(id);
            DurableFile.MakeFolder(Path.GetDirectoryName(path)!);
            DurableFile.Publish(temporary, path);
        }
        catch (IOException e)
        {
            File.Delete(temporary);
            throw new StoreUnavailableException($"The blob cannot be written to the data folder: {e.Message}", e);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    public ValueTask<Stream?> OpenAsync(string id, CancellationToken cancellationToken = default)
    {
        try
        {
            return new ValueTask<Stream?>(BlobId.IsValid(id)
                ? new FileStream(PathOf(id), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1 << 16, useAsync: true)
                : null);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return new ValueTask<Stream?>((Stream?)null);
        }
    }

    public ValueTask RemoveAsync(string id, CancellationToken cancellationToken = default)
    {
        if (BlobId.IsValid(id) && File.Exists(PathOf(id)))
            File.Delete(PathOf(id));
        return ValueTask.CompletedTask;
    }

    private static FileStreamOptions Unbuffered()
    {
        var options = OwnerOnly.Options(FileMode.CreateNew, FileAccess.Write, FileShare.None);
        (options.BufferSize, options.Options) = (0, FileOptions.Asynchronous);
        return options;
    }

    /// <summary>The last two digits are random, the first are time.</summary>
    private string PathOf(string id) => Path.Combine(_folder, id[^2..], id);
}
