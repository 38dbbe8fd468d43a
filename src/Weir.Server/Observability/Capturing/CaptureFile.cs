namespace Weir.Server.Observability.Capturing;

/// <summary>A file of lines that only its owner may read. At its bound it is put aside as <c>.1</c>, what was <c>.1</c> as <c>.2</c>, and so on; the oldest goes.</summary>
internal sealed class CaptureFile(string path, long mostBytes = CaptureFile.DefaultBytes, int kept = CaptureFile.DefaultKept) : IDisposable
{
    public const long DefaultBytes = 256L << 20;

    /// <summary>Beside the one that is written.</summary>
    public const int DefaultKept = 3;

    private FileStream? _file;

    public string Path => path;

    /// <summary>There may be something to flush.</summary>
    public bool IsOpen => _file is not null;

    /// <exception cref="IOException">The disk refused.</exception>
    /// <exception cref="UnauthorizedAccessException">The disk refused.</exception>
    public void Append(ReadOnlySpan<byte> line)
    {
        _file ??= Open();
        if (_file.Length > 0 && _file.Length + line.Length > mostBytes)
        {
            Close();
            Rotate();
            _file = Open();
        }

        _file.Write(line);
    }

    public void Flush() => _file?.Flush();

    /// <summary>Lets go of the file, so that the next line opens it again.</summary>
    public void Close()
    {
        var file = _file;
        _file = null;
        file?.Dispose();
    }

    public void Dispose()
    {
        try
        {
            Close();
        }
        catch (IOException)
        {
            // What could not be flushed is lost; there is nobody left to tell.
        }
    }

    private void Rotate()
    {
        if (kept == 0)
        {
            File.Delete(path);
            return;
        }

        for (var i = kept; i > 0; i--)
        {
            var from = i == 1 ? path : $"{path}.{i - 1}";
            if (File.Exists(from)) File.Move(from, $"{path}.{i}", overwrite: true);
        }
    }

    private FileStream Open()
    {
        if (System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)) is { } folder) Directory.CreateDirectory(folder);
        var options = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write, Share = FileShare.Read | FileShare.Delete, BufferSize = 64 * 1024 };
        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
        var file = new FileStream(path, options);
        // One that was there before may be open to others.
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(file.SafeFileHandle, OwnerOnly);
        return file;
    }
}
