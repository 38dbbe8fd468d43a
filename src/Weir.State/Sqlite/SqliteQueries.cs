using Microsoft.Data.Sqlite;
using Weir.State.Documents;
using Weir.State.Expiry;

namespace Weir.State.Sqlite;

/// <summary>What is read from documents. A prefix is a range: from itself to the first string after everything that begins with it.</summary>
internal static class SqliteQueries
{
    private const string Columns = "SELECT key, version, body, expires FROM documents WHERE partition = $1 AND ";

    public static Document? Read(SqliteSession session, string partition, string key)
    {
        using var rows = session.Bind(Columns + "key = $2", partition, key).ExecuteReader();
        return rows.Read() ? Row(rows) : null;
    }

    public static List<Document> List(SqliteSession session, string partition, string prefix, string? after, long limit)
    {
        var documents = new List<Document>();
        var (sql, from) = after is not null && KeyOrder.Instance.Compare(after, prefix) >= 0
            ? (Columns + "key > $2 ORDER BY key LIMIT $3", after)
            : (Columns + "key >= $2 ORDER BY key LIMIT $3", prefix);
        using var rows = session.Bind(sql, partition, from, limit).ExecuteReader();
        while (rows.Read() && rows.GetString(0).StartsWith(prefix, StringComparison.Ordinal))
            documents.Add(Row(rows));
        return documents;
    }

    public static long Revision(SqliteSession session, string partition) =>
        session.Scalar("SELECT revision FROM partitions WHERE name = $1", partition) is long value ? value : 0;

    /// <summary>Revision and documents of one moment.</summary>
    public static Feed.Snapshot Snapshot(SqliteSession session, string partition, Prefixes watched)
    {
        session.Execute("BEGIN");
        try
        {
            return new Feed.Snapshot(Revision(session, partition), [.. watched.Items.SelectMany(p => List(session, partition, p, null, -1))]);
        }
        finally
        {
            session.Execute("COMMIT");
        }
    }

    public static IReadOnlyList<Expired> Due(SqliteSession session, DateTimeOffset now, int limit)
    {
        var due = new List<Expired>();
        using var rows = session.Bind(
            "SELECT partition, key, version FROM documents WHERE expires <= $1 ORDER BY expires LIMIT $2", Revisions.Micros(now), limit).ExecuteReader();
        while (rows.Read())
            due.Add(new Expired(rows.GetString(0), rows.GetString(1), rows.GetInt64(2)));
        return due;
    }

    private static Document Row(SqliteDataReader rows) => new(
        rows.GetString(0), rows.GetInt64(1), rows.GetFieldValue<byte[]>(2), rows.IsDBNull(3) ? null : Revisions.Time(rows.GetInt64(3)));
}
