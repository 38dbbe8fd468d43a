using System.Globalization;
using Weir.State.Documents;

namespace Weir.State.Sqlite;

/// <summary>Commits applied inside the writer's open transaction.</summary>
internal sealed class SqliteUnit(SqliteSession session)
{
    private const long Void = 0;

    /// <summary>All checks come before the first write, so that a lost commit leaves the transaction as it was.</summary>
    public CommitOutcome Apply(Commit commit, DateTimeOffset now, out IReadOnlyList<Change> changes)
    {
        changes = [];
        if (Recall(commit) is { } outcome)
            return outcome;
        if (commit.NotAfter < now)
            return new CommitOutcome.Lost([]);
        var lost = Mismatches(commit);
        if (lost.Count > 0)
            return new CommitOutcome.Lost(lost);

        var last = session.Scalar("SELECT revision FROM partitions WHERE name = $1", commit.Partition);
        var revision = Revisions.Next(last is long value ? value : 0, now);
        session.Execute("INSERT INTO partitions VALUES($1, $2) ON CONFLICT(name) DO UPDATE SET revision = excluded.revision", commit.Partition, revision);
        var made = new Change[commit.Writes.Count];
        for (var i = 0; i < made.Length; i++)
            made[i] = Put(commit.Partition, commit.Writes[i], revision);
        Remember(commit, revision, now);
        changes = made;
        return new CommitOutcome.Committed(revision);
    }

    /// <summary>An id that is not known is marked, so that the commit can no longer land.</summary>
    public CommitOutcome Settle(Commit commit, DateTimeOffset now)
    {
        if (Recall(commit) is { } outcome)
            return outcome;
        Remember(commit, Void, now);
        return new CommitOutcome.Lost([]);
    }

    public void Forget(DateTimeOffset now, int limit) => session.Execute(
        "DELETE FROM commits WHERE (partition, id) IN (SELECT partition, id FROM commits WHERE until < $1 LIMIT $2)", Revisions.Micros(now), limit);

    public void KeepTime(DateTimeOffset now) => session.Execute("UPDATE clock SET micros = $1", Revisions.Micros(now));

    private Change Put(string partition, Write write, long revision)
    {
        if (write.Body is not { } body)
        {
            session.Execute("DELETE FROM documents WHERE partition = $1 AND key = $2", partition, write.Key);
            return new Change(write.Key, null);
        }

        var bytes = body.ToArray();
        session.Execute(
            """
            INSERT INTO documents(partition, key, version, expires, body) VALUES($1, $2, $3, $4, $5)
            ON CONFLICT(partition, key) DO UPDATE SET version = excluded.version, expires = excluded.expires, body = excluded.body
            """,
            partition, write.Key, revision, write.ExpiresAt is { } at ? Revisions.Micros(at) : null, bytes);
        return new Change(write.Key, new Document(write.Key, revision, bytes, write.ExpiresAt is { } e ? Revisions.Time(Revisions.Micros(e)) : null));
    }

    private List<string> Mismatches(Commit commit)
    {
        var lost = new List<string>();
        foreach (var check in commit.Checks)
            Compare(check.Key, check.Expected);
        foreach (var write in commit.Writes)
            Compare(write.Key, write.Expected);
        return lost;

        void Compare(string key, long expected)
        {
            var version = session.Scalar("SELECT version FROM documents WHERE partition = $1 AND key = $2", commit.Partition, key);
            if ((version is long value ? value : 0) != expected && !lost.Contains(key))
                lost.Add(key);
        }
    }

    private CommitOutcome? Recall(Commit commit) =>
        session.Scalar("SELECT revision FROM commits WHERE partition = $1 AND id = $2", commit.Partition, commit.Id) switch
        {
            null => null,
            Void => new CommitOutcome.Lost([]),
            var revision => new CommitOutcome.Committed(Convert.ToInt64(revision, CultureInfo.InvariantCulture)),
        };

    private void Remember(Commit commit, long revision, DateTimeOffset now) => session.Execute(
        "INSERT INTO commits VALUES($1, $2, $3, $4)", commit.Partition, commit.Id, revision, Revisions.Micros(now + CommitLimits.Remembered));
}
