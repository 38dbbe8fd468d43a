using System.Security.Cryptography;
using System.Text.Json;

namespace Weir.Cli.Run.Results;

/// <summary>
/// The file beside the results that says whose they are: held locked by the run that is under way, and naming the one before, so that what that one left behind
/// can be found by its name.
/// </summary>
internal sealed class RunMark : IDisposable
{
    private readonly FileStream _file;

    private RunMark(FileStream file, string job, string? former, string run) => (_file, Job, Former, Run) = (file, job, former, run);

    /// <summary>The same for every run that goes on with the same results; labels the leases.</summary>
    public string Job { get; }

    /// <summary>The run before this one. Null: this is the first.</summary>
    public string? Former { get; }

    /// <summary>This run alone.</summary>
    public string Run { get; }

    /// <exception cref="IOException">Another run holds it, or it cannot be written.</exception>
    public static RunMark Take(string path)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException fault) when (File.Exists(path))
        {
            throw new IOException($"Another run holds {path}: two cannot write the same results. ({fault.Message})", fault);
        }

        try
        {
            var before = Read(file);
            return new RunMark(file, before?.Job ?? New(), before?.Run, New());
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>From now on this is the run whose leavings the next one looks for; those of the former must be gone.</summary>
    public void Sign()
    {
        _file.SetLength(0);
        JsonSerializer.Serialize(_file, new RunMarkBody(Job, Run), RunFormat.Lines.RunMarkBody);
        _file.Flush(flushToDisk: true);
    }

    public void Dispose() => _file.Dispose();

    private static RunMarkBody? Read(FileStream file)
    {
        try
        {
            return file.Length == 0 ? null : JsonSerializer.Deserialize(file, RunFormat.Lines.RunMarkBody);
        }
        catch (JsonException)
        {
            // Cut off while it was written: what the former run left ends by itself.
            return null;
        }
    }

    private static string New() => RandomNumberGenerator.GetHexString(16, lowercase: true);
}

internal sealed record RunMarkBody(string Job, string Run);
