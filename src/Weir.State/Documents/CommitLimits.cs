using System.Text;

namespace Weir.State.Documents;

/// <summary>What one commit may hold, the same in every store.</summary>
internal static class CommitLimits
{
    public const int Writes = 512;
    public const int Checks = 512;
    public const int DocumentBytes = 1 << 20;
    public const int CommitBytes = 4 << 20;
    public const int NameBytes = 512;

    /// <summary>How long the store remembers what became of a commit.</summary>
    public static readonly TimeSpan Remembered = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How late a commit may land. It is under <see cref="Remembered"/>, so that the mark which settles an unanswered commit
    /// outlives everything that could still arrive.
    /// </summary>
    public static readonly TimeSpan Landing = TimeSpan.FromMinutes(4);

    /// <exception cref="ArgumentException">The commit is outside the bounds; the message names the first fault.</exception>
    public static void Validate(Commit commit)
    {
        ValidateName(commit.Partition, "partition");
        ValidateName(commit.Id, "commit id");
        if (commit.Partition.AsSpan().IndexOfAny('{', '}') >= 0)
            throw new ArgumentException($"Partition '{commit.Partition}' holds a brace, which Redis Cluster gives a meaning.");
        if (commit.Writes.Count > Writes)
            throw new ArgumentException($"A commit has at most {Writes} writes; this one has {commit.Writes.Count}.");
        if (commit.Checks.Count > Checks)
            throw new ArgumentException($"A commit has at most {Checks} checks; this one has {commit.Checks.Count}.");

        long total = 0;
        var written = new HashSet<string>(commit.Writes.Count, StringComparer.Ordinal);
        foreach (var write in commit.Writes)
        {
            ValidateName(write.Key, "key");
            if (!written.Add(write.Key))
                throw new ArgumentException($"Document '{write.Key}' is written twice in one commit.");
            if (write.Expected < 0)
                throw new ArgumentException($"Document '{write.Key}' expects version {write.Expected}; versions are 0 (absent) or more.");
            var bytes = write.Body?.Length ?? 0;
            if (bytes > DocumentBytes)
                throw new ArgumentException($"Document '{write.Key}' has {bytes} bytes; the most is {DocumentBytes} (1 MiB). Put large content into a blob.");
            total += bytes;
        }

        if (total > CommitBytes)
            throw new ArgumentException($"A commit holds at most {CommitBytes} bytes (4 MiB); this one holds {total}.");
        foreach (var check in commit.Checks)
        {
            ValidateName(check.Key, "key");
            if (check.Expected < 0)
                throw new ArgumentException($"Document '{check.Key}' is checked for version {check.Expected}; versions are 0 (absent) or more.");
        }
    }

    public static void ValidateName(string name, string what)
    {
        if (string.IsNullOrEmpty(name))
            throw new ArgumentException($"A {what} is never empty.");
        if (Encoding.UTF8.GetByteCount(name) > NameBytes)
            throw new ArgumentException($"A {what} has at most {NameBytes} bytes: '{name[..64]}…' has more.");
        foreach (var c in name)
        {
            if (char.IsControl(c))
                throw new ArgumentException($"A {what} holds no control characters.");
        }
    }

    public static void ValidateList(int limit) => ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
}
