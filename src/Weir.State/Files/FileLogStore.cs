using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Weir.State.Documents;
using Weir.State.Logs;

namespace Weir.State.Files;

/// <summary>A log is a file of checksummed records; a fence is a record among them. This process alone writes in the folder.</summary>
internal sealed class FileLogStore : ILogStore, IAsyncDisposable
{
    private readonly string _folder;
    private readonly SemaphoreSlim _opening = new(1, 1);
    private readonly Dictionary<string, FileLogWriter> _writers = new(StringComparer.Ordinal);

    public FileLogStore(string folder)
    {
        _folder = folder;
        DurableFile.MakeFolder(folder);
    }

    public async ValueTask<ILogWriter> OpenAsync(string name, long fence, CancellationToken cancellationToken = default)
    {
        CommitLimits.ValidateName(name, "log name");
        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_writers.TryGetValue(name, out var former))
            {
                if (former.Fence > fence)
                    throw StaleFenceException.Of(name, fence, former.Fence);
                await former.SupersedeAsync(fence);
                _writers.Remove(name);
            }

            var writer = await FileLogWriter.OpenAsync(PathOf(name), name, fence, cancellationToken);
            _writers[name] = writer;
            return writer;
        }
        finally
        {
            _opening.Release();
        }
    }

    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAsync(
        string name, long from = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (!File.Exists(PathOf(name)))
            yield break;
        await using var file = new FileStream(PathOf(name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, useAsync: true);
        var log = new LogFile(file, name);
        while (await log.NextAsync(cancellationToken) is { } payload)
        {
            if (log.Count > from)
                yield return payload;
        }
    }

    public async ValueTask RemoveAsync(string name, CancellationToken cancellationToken = default)
    {
        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_writers.Remove(name, out var writer))
                await writer.SupersedeAsync(long.MaxValue);
            var path = PathOf(name);
            File.Delete(path);
            DurableFile.FlushEntry(path);
        }
        finally
        {
            _opening.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _opening.WaitAsync();
        foreach (var writer in _writers.Values)
            await writer.DisposeAsync();
        _writers.Clear();
        _opening.Release();
        _opening.Dispose();
    }

    /// <summary>Readable where it can be, a digest where the name is too long for a file.</summary>
    private string PathOf(string name)
    {
        var escaped = Uri.EscapeDataString(name);
        if (escaped.Length > 200)
            escaped = "~" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)));
        return Path.Combine(_folder, escaped + ".log");
    }
}
