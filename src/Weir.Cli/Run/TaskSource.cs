namespace Weir.Cli.Run;

/// <summary>Where the tasks, their results and their logs are.</summary>
internal sealed class TaskSource : IDisposable
{
    private const string Extension = ".jsonl";

    private readonly string? _spooled;

    private TaskSource(string path, string results, string logs, string? spooled) => (Path, Results, Logs, _spooled) = (path, results, logs, spooled);

    public string Path { get; }

    public string Results { get; }

    public string Logs { get; }

    public string Mark => Results + ".run";

    /// <param name="tasks">A file, or <c>-</c>: the standard input, which is kept in a file for as long as the run takes.</param>
    /// <param name="output">Null: beside the tasks.</param>
    /// <param name="input">The standard input.</param>
    /// <param name="stop">Ends the reading of it.</param>
    /// <exception cref="FormatException">Tasks of the standard input have no place for their results.</exception>
    /// <exception cref="IOException">The standard input cannot be kept.</exception>
    public static async Task<TaskSource> OpenAsync(string tasks, string? output, Stream input, CancellationToken stop)
    {
        if (tasks is not "-")
            return new(tasks, output ?? StemOf(tasks) + ".results.jsonl", StemOf(output ?? tasks) + ".logs", null);
        if (output is null)
            throw new FormatException("Tasks of the standard input need --out, where their results go.");
        var spooled = System.IO.Path.GetTempFileName();
        try
        {
            await using var file = new FileStream(spooled, FileMode.Create, FileAccess.Write);
            await input.CopyToAsync(file, stop);
        }
        catch
        {
            File.Delete(spooled);
            throw;
        }

        return new(spooled, output, StemOf(output) + ".logs", spooled);
    }

    public void Dispose()
    {
        if (_spooled is not null)
            File.Delete(_spooled);
    }

    private static string StemOf(string path) => path.EndsWith(Extension, StringComparison.Ordinal) && path.Length > Extension.Length ? path[..^Extension.Length] : path;
}
