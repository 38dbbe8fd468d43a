namespace Weir.Simulation.Answers;

/// <summary>The newest instructions seen, as providers keep the beginnings of prompts: whose come again counts as read from a cache. Bounded.</summary>
internal sealed class PromptCache
{
    private const int Bound = 1000;

    private readonly Lock _lock = new();
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly Queue<string> _oldestFirst = new();

    /// <summary>Whether these have been seen before; from now on they have.</summary>
    public bool Touch(string instructions)
    {
        var key = Prompt.Fingerprint(instructions);
        lock (_lock)
        {
            if (!_known.Add(key))
                return true;
            _oldestFirst.Enqueue(key);
            if (_oldestFirst.Count > Bound)
                _known.Remove(_oldestFirst.Dequeue());
            return false;
        }
    }
}
