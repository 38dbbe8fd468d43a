using System.Globalization;

namespace Weir.State.Sqlite;

/// <summary>The tables of the embedded store. <c>user_version</c> counts its changes.</summary>
internal static class SqliteSchema
{
    public const int Version = 1;

    /// <summary>"weir" as a number, so that no other program's file is taken for ours.</summary>
    public const int ApplicationId = 0x77656972;

    private const string Tables =
        """
        CREATE TABLE documents(
          id INTEGER PRIMARY KEY, partition TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, expires INTEGER, body BLOB NOT NULL,
          UNIQUE(partition, key));
        CREATE INDEX documents_expires ON documents(expires) WHERE expires IS NOT NULL;
        CREATE TABLE partitions(name TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE commits(partition TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(partition, id)) WITHOUT ROWID;
        CREATE INDEX commits_until ON commits(until);
        CREATE TABLE clock(one INTEGER PRIMARY KEY CHECK(one = 1), micros INTEGER NOT NULL);
        INSERT INTO clock VALUES(1, 0);
        """;

    /// <exception cref="StoreUnavailableException">The file belongs to another program, or to a newer Weir.</exception>
    public static void Ensure(SqliteSession session, string path)
    {
        session.Execute("BEGIN IMMEDIATE");
        var version = Number(session.Scalar("PRAGMA user_version"));
        var application = Number(session.Scalar("PRAGMA application_id"));
        if (version == 0 && application == 0)
        {
            if (Number(session.Scalar("SELECT count(*) FROM sqlite_master")) > 0)
                throw new StoreUnavailableException($"{path} is another program's database. Choose another data folder with --data.");
            session.Execute(Tables);
            session.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA application_id = {ApplicationId}"));
            session.Execute(string.Create(CultureInfo.InvariantCulture, $"PRAGMA user_version = {Version}"));
        }
        else if (application != ApplicationId)
        {
            throw new StoreUnavailableException($"{path} is another program's database. Choose another data folder with --data.");
        }
        else if (version > Version)
        {
            throw new StoreUnavailableException($"{path} was written by a newer Weir (layout {version}; this one knows {Version}). Run that version, or choose another data folder with --data.");
        }

        session.Execute("COMMIT");
    }

    private static long Number(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);
}
