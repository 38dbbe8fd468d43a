namespace Weir.EndToEnd.Support;

/// <summary>Where the things under test stand.</summary>
internal static class Artifacts
{
    /// <summary>The executable: of the same build configuration as these tests, or the one that WEIR_DLL names.</summary>
    public static string WeirDll { get; } = FindWeir();

    public static string Root { get; } = FindRoot();

    public static string Example(params string[] path) => Path.Combine([Root, "examples", .. path]);

    private static string FindWeir()
    {
        if (Environment.GetEnvironmentVariable("WEIR_DLL") is { Length: > 0 } named)
            return named;
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(own.Parent!.Parent!.FullName, "Weir.Cli", own.Name, "weir.dll");
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Weir.slnx")))
                return folder.FullName;
        }

        throw new InvalidOperationException("These tests need the repository that they were built from: no Weir.slnx above " + AppContext.BaseDirectory);
    }
}
