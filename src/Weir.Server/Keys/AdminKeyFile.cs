namespace Weir.Server.Keys;

/// <summary>
/// The admin key of one replica: <c>admin.key</c> in its data folder, readable by its owner alone. Whoever can read the folder can
/// read the state anyway, so the file opens nothing that was shut; the command line uses it.
/// </summary>
internal static class AdminKeyFile
{
    public const string Name = "admin.key";

    /// <summary>Null where there is none.</summary>
    /// <exception cref="IOException">It is there and cannot be read, or does not hold a key.</exception>
    public static string? Read(string folder)
    {
        var path = Path.Combine(folder, Name);
        if (!File.Exists(path)) return null;

        var secret = File.ReadAllText(path).Trim();
        return Usable(secret) ? secret : throw new IOException($"{path} does not hold a key. Remove it and a new one is made at the next start.");
    }

    /// <summary>The key in the file, which is made where it is missing.</summary>
    public static string ReadOrCreate(string folder)
    {
        if (Read(folder) is { } existing) return existing;

        Directory.CreateDirectory(folder);
        var secret = KeySecret.Create();
        var path = Path.Combine(folder, Name);
        var draft = $"{path}.{Guid.NewGuid():N}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var stream = new FileStream(draft, options))
        {
            stream.Write(System.Text.Encoding.ASCII.GetBytes(secret + "\n"));
            stream.Flush(flushToDisk: true);
        }

        // Written whole, then named: nobody reads half a key.
        try
        {
            File.Move(draft, path, overwrite: false);
            return secret;
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(draft);
            return Read(folder) ?? secret;
        }
    }

    /// <summary>Whether a secret that an operator chose is long enough to stand beside random ones.</summary>
    public static bool Usable(string secret) => secret.Length is >= 32 and <= KeySecret.MaxLength && !secret.Any(char.IsWhiteSpace);
}
