using System.Globalization;
using System.Text;

namespace Weir.Cli.Run.Execution;

/// <summary>One process of this machine.</summary>
internal readonly record struct ProcessEntry(int Id, int Parent, int Group, int Session, char State)
{
    /// <summary>It has ended, and its parent has not asked how.</summary>
    public bool IsZombie => State is 'Z' or 'X';
}

/// <summary>The processes of this machine as <c>/proc</c> tells them; empty where there is none.</summary>
internal static class ProcessTable
{
    private const string Root = "/proc";
    private const int LargestEnvironment = 4 * 1024 * 1024;

    public static bool IsThere { get; } = File.Exists(Root + "/self/stat");

    public static List<ProcessEntry> Read()
    {
        var entries = new List<ProcessEntry>();
        if (!IsThere)
            return entries;
        foreach (var folder in Directory.EnumerateDirectories(Root))
        {
            if (int.TryParse(Path.GetFileName(folder.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && Read(id) is { } entry)
                entries.Add(entry);
        }

        return entries;
    }

    /// <summary>Whether a process was started with a variable, or by one that was. False where its environment may not be read.</summary>
    public static bool Carries(int process, string variable, string value)
    {
        try
        {
            using var file = new FileStream(string.Create(CultureInfo.InvariantCulture, $"{Root}/{process}/environ"), FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            var wanted = Encoding.UTF8.GetBytes($"{variable}={value}\0");
            using var held = new MemoryStream();
            var buffer = new byte[16 * 1024];
            for (int read; held.Length < LargestEnvironment && (read = file.Read(buffer)) > 0;)
                held.Write(buffer, 0, read);
            return held.GetBuffer().AsSpan(0, (int)held.Length).IndexOf(wanted) >= 0;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static ProcessEntry? Read(int id)
    {
        try
        {
            var text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"{Root}/{id}/stat"));
            // The name stands in brackets and may hold anything, brackets too.
            var fields = text.AsSpan(text.LastIndexOf(')') + 2);
            Span<Range> parts = stackalloc Range[6];
            return fields.Split(parts, ' ') < 5 ? null : new(id, Number(fields[parts[1]]), Number(fields[parts[2]]), Number(fields[parts[3]]), fields[parts[0]][0]);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static int Number(ReadOnlySpan<char> text) => int.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
}
