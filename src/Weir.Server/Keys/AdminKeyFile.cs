using System.Text;

namespace Weir.Server.Keys;

/// <summary>
/// The admin key of one replica: <c>admin.key</c> in its data folder, readable by its owner alone. Whoever can read the folder can
/// read the state anyway, so the file opens nothing that was shut; the command line uses it.
/// </summary>
internal static class AdminKeyFile
{
    public const string Name = "admin.key";

    private static readonly TimeSpan OthersWithin = TimeSpan.FromSeconds(5);

    /// <summary>Null where there is none.</summary>
    /// <exception cref="IOException">It is there and cannot be read, or does not hold a key.</exception>
    public static string? Read(string folder)
    {
        var path = Path.Combine(folder, Name);
        if (!File.Exists(path)) return null;

        using var file = Open(path, new FileStreamOptions { Mode = FileMode.Open, Access = FileAccess.Read, Share = FileShare.Read });
        return ReadKey(file, path);
    }

    /// <summary>The key in the file, which is made where it is missing. Whoever else does the same gets the same key.</summary>
    /// <exception cref="IOException">It cannot be read or made, or does not hold a key.</exception>
    public static string ReadOrCreate(string folder)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, Name);
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        // Held alone from the look to the write. A rename that spares what is there would not do: it looks first and renames after.
        using var file = Open(path, options);
        if (ReadKey(file, path) is { } existing) return existing;

        var secret = KeySecret.Create();
        file.SetLength(0);
        file.Write(Encoding.ASCII.GetBytes(secret + "\n"));
        file.Flush(flushToDisk: true);
        return secret;
    }

    /// <summary>Whether a secret that an operator chose is long enough to stand beside random ones.</summary>
    public static bool Usable(string secret) => secret.Length is >= 32 and <= KeySecret.MaxLength && !secret.Any(char.IsWhiteSpace);

    // Null when the file is empty: its maker died before it wrote.
    private static string? ReadKey(FileStream file, string path)
    {
        using var reader = new StreamReader(file, Encoding.UTF8, leaveOpen: true);
        var secret = reader.ReadToEnd().Trim();
        if (secret.Length == 0) return null;
        return Usable(secret) ? secret : throw new IOException($"{path} does not hold a key. Remove it and a new one is made at the next start.");
    }

    // Another process may hold it for the moment that writing takes.
    private static FileStream Open(string path, FileStreamOptions options)
    {
        FileStream? opened = null;
        IOException? refused = null;
        SpinWait.SpinUntil(() => TryOpen(path, options, out opened, out refused), OthersWithin);
        return opened ?? throw refused!;
    }

    private static bool TryOpen(string path, FileStreamOptions options, out FileStream? opened, out IOException? refused)
    {
        (opened, refused) = (null, null);
        try
        {
            opened = new FileStream(path, options);
            return true;
        }
        catch (IOException fault)
        {
            refused = fault;
            return fault is FileNotFoundException or DirectoryNotFoundException;
        }
    }
}
