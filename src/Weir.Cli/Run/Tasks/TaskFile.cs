using System.Runtime.InteropServices;

namespace Weir.Cli.Run.Tasks;

/// <summary>
/// The tasks of a file: where each stands is held, and its body only while it is worked on. Every line is read once before anything starts, so that a bad
/// one is told then and not after a night.
/// </summary>
internal sealed class TaskFile : IDisposable
{
    public const int LongestLine = 16 * 1024 * 1024;
    private const int MostTasks = 10_000_000;
    private const int MostFaults = 100;

    private readonly FileStream _file;
    private readonly List<Place> _places = [];
    private readonly Dictionary<UInt128, int> _byKey = [];
    private readonly List<string> _faults = [];

    private TaskFile(FileStream file) => _file = file;

    public int Count => _places.Count;

    /// <summary>One sentence for each bad line, the first hundred of them; empty when the file is good.</summary>
    public IReadOnlyList<string> Faults => _faults;

    public int FaultsTotal { get; private set; }

    /// <summary>Some task names kinds itself.</summary>
    public bool HasOwnKinds { get; private set; }

    /// <param name="path">The file.</param>
    /// <param name="check">What else a task must have. Null: it is good.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static TaskFile Open(string path, Func<RunTask, string?> check)
    {
        var tasks = new TaskFile(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0));
        tasks.Index(check);
        return tasks;
    }

    /// <summary>Null: no task has it.</summary>
    public int? IndexOf(UInt128 key) => _byKey.TryGetValue(key, out var index) ? index : null;

    /// <exception cref="IOException">The file has changed since.</exception>
    public RunTask Read(int index)
    {
        var place = _places[index];
        var line = new byte[place.Length];
        if (RandomAccess.Read(_file.SafeFileHandle, line, place.Offset) != place.Length || TaskLine.Read(line, place.Number).Task is not { } task || IndexOf(TaskKey.Of(task.Id)) != index)
            throw new IOException($"{_file.Name} was changed while the run read it: line {place.Number} is another now.");
        return task;
    }

    public void Dispose() => _file.Dispose();

    private void Index(Func<RunTask, string?> check)
    {
        var lines = new JsonLines(_file, LongestLine);
        while (lines.Read())
        {
            if (lines.IsTooLong)
            {
                Fault(lines.Number, $"it is longer than {LongestLine >> 20} MB");
                continue;
            }

            if (TaskLine.IsBlank(lines.Line.Span))
                continue;
            var (task, fault) = TaskLine.Read(lines.Line, lines.Number);
            if ((fault ?? check(task!)) is { } wrong)
            {
                Fault(lines.Number, wrong);
                continue;
            }

            ref var index = ref CollectionsMarshal.GetValueRefOrAddDefault(_byKey, TaskKey.Of(task!.Id), out var isThere);
            if (isThere)
            {
                Fault(lines.Number, $"the id '{task.Id}' is that of line {_places[index].Number} too");
                continue;
            }

            if (_places.Count == MostTasks)
                throw new IOException($"{_file.Name} has more than {MostTasks} tasks: split it.");
            HasOwnKinds |= task.Kinds is { Count: > 0 };
            index = _places.Count;
            _places.Add(new(lines.Offset, lines.Line.Length, lines.Number));
        }
    }

    private void Fault(int line, string message)
    {
        FaultsTotal++;
        if (_faults.Count < MostFaults)
            _faults.Add($"line {line}: {message}");
    }

    private readonly record struct Place(long Offset, int Length, int Number);
}
