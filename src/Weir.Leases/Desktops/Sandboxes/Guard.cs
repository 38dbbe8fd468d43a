using System.Globalization;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>
/// The process that ends the desktops of a folder when this one has died and none has come to take them over. It waits at the end of a pipe that the system closes
/// when this process dies, however it dies, and stands in a session of its own, so that an interrupt at the terminal does not reach it.
/// </summary>
internal sealed class Guard : IDisposable
{
    public const string FileName = "guard";

    private readonly ScriptProcess _process;
    private readonly ProcessIdentity _identity;
    private readonly string _file;

    private Guard(ScriptProcess process, ProcessIdentity identity, string file) => (_process, _identity, _file) = (process, identity, file);

    public bool IsAlive => _identity.IsAlive;

    /// <summary>Starts one and puts it in the place of whichever guarded the folder before, which then is ended.</summary>
    /// <param name="folder">Where the desktops are.</param>
    /// <param name="wait">How long another process has to take them over.</param>
    /// <exception cref="IOException">It could not be started.</exception>
    public static Guard Start(string folder, TimeSpan wait)
    {
        // In a session of its own from its first moment: the script that is handed to sh begins a second one, which is it.
        var process = ScriptProcess.Start(Script.Run, folder, ["setsid", "/bin/sh", "-c", Script.Read(Script.Guard), "weir-desktop-guard", folder, ((long)wait.TotalSeconds).ToString(CultureInfo.InvariantCulture)]);
        if (ProcessIdentity.Of(process.Pid) is not { } identity)
        {
            process.Dispose();
            throw new IOException("The guard of the desktops ended at once.");
        }

        var file = Path.Combine(folder, FileName);
        var former = Read(file);
        // From here on the former one does nothing even if it wakes: it looks here first.
        FolderFile.Write(file, string.Create(CultureInfo.InvariantCulture, $"{identity.Pid} {identity.Start}\n"));
        former?.KillGroup();
        return new Guard(process, identity, file);
    }

    /// <summary>Nothing is left to guard.</summary>
    public void End()
    {
        try
        {
            File.Delete(_file);
        }
        catch (DirectoryNotFoundException)
        {
            // Somebody has removed the folder.
        }

        _identity.KillGroup();
    }

    /// <summary>Lets go of it, as this process's death does.</summary>
    public void Dispose() => _process.Dispose();

    private static ProcessIdentity? Read(string file)
    {
        var words = File.Exists(file) ? File.ReadAllText(file).Split((char[])[' ', '\n'], StringSplitOptions.RemoveEmptyEntries) : [];
        return words.Length == 2 && int.TryParse(words[0], CultureInfo.InvariantCulture, out var pid) && long.TryParse(words[1], CultureInfo.InvariantCulture, out var start) && pid > 1
            ? new ProcessIdentity(pid, start)
            : null;
    }
}

/// <summary>Files that are whole or as they were, whenever this process dies. A power cut ends what they tell of, so they need not outlast one.</summary>
internal static class FolderFile
{
    public static void Write(string path, string text)
    {
        var temporary = path + ".new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var writer = new StreamWriter(temporary, options))
            writer.Write(text);
        File.Move(temporary, path, overwrite: true);
    }
}
