using System.Runtime.InteropServices;
using SQLitePCL;

namespace Weir.State.Sqlite;

/// <summary>Binds the managed provider to the operating system's SQLite, which is patched with the system.</summary>
internal static class NativeSqlite
{
    /// <summary>The oldest release with everything used here (UPSERT).</summary>
    private const int OldestVersion = 3024000;

    private static readonly Lock Gate = new();
    private static bool _bound;

    internal static IReadOnlyList<string> Candidates =>
        OperatingSystem.IsWindows() ? ["winsqlite3"]
        : OperatingSystem.IsMacOS() ? ["libsqlite3.dylib", "/usr/lib/libsqlite3.dylib"]
        : ["libsqlite3.so.0", "libsqlite3.so"];

    /// <summary>Once per process; after that it costs a lock.</summary>
    /// <exception cref="StoreUnavailableException">The system has no SQLite, or one that is too old.</exception>
    public static void Bind()
    {
        lock (Gate)
        {
            if (_bound)
                return;
            var library = Load(Candidates);
            NativeLibrary.SetDllImportResolver(
                typeof(SQLite3Provider_e_sqlite3).Assembly, (name, _, _) => name == "e_sqlite3" ? library : IntPtr.Zero);
            raw.SetProvider(new SQLite3Provider_e_sqlite3());
            _bound = true;
        }

        if (raw.sqlite3_libversion_number() < OldestVersion)
            throw new StoreUnavailableException($"The system's SQLite is {raw.sqlite3_libversion().utf8_to_string()}; 3.24 or newer is needed. Update the package libsqlite3-0.");
    }

    internal static IntPtr Load(IReadOnlyList<string> candidates)
    {
        foreach (var candidate in candidates)
        {
            if (NativeLibrary.TryLoad(candidate, out var library))
                return library;
        }

        throw new StoreUnavailableException(
            $"The system's SQLite library is missing (looked for {string.Join(", ", candidates)}). On Debian and Ubuntu: apt-get install libsqlite3-0.");
    }
}
