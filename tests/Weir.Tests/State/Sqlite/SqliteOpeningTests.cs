using Microsoft.Data.Sqlite;
using Weir.State;
using Weir.State.Sqlite;
using static Weir.Tests.State.Bodies;

namespace Weir.Tests.State.Sqlite;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class SqliteOpeningTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-state-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Open_FolderInUse_NamesTheProcessAndLeavesTheFirstAlone()
    {
        await using var first = await OpenAsync(_folder);

        var error = await Should.ThrowAsync<StoreUnavailableException>(async () => await OpenAsync(_folder));

        error.Message.ShouldContain("in use");
        error.Message.ShouldContain($"process {Environment.ProcessId}");
        (await first.CommitAsync(Of("p", Put("a", 0, "1")))).ShouldBeOfType<CommitOutcome.Committed>();
    }

    [Fact]
    public async Task Open_AfterClose_TakesTheFolderAgain()
    {
        await (await OpenAsync(_folder)).DisposeAsync();
        await (await OpenAsync(_folder)).DisposeAsync();
    }

    [Fact]
    public async Task Open_FolderThatCannotBeMade_SaysSo()
    {
        var file = Path.Combine(_folder, "file");
        await File.WriteAllTextAsync(file, "");

        (await Should.ThrowAsync<StoreUnavailableException>(async () => await OpenAsync(Path.Combine(file, "data")))).Message.ShouldContain("--data");
    }

    [Fact]
    public async Task Open_NotADatabase_SaysSoAndFreesTheFolder()
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "state.db"), new string('x', 10_000));

        (await Should.ThrowAsync<StoreUnavailableException>(async () => await OpenAsync(_folder))).Message.ShouldContain("backup");
        File.Delete(Path.Combine(_folder, "state.db"));
        await (await OpenAsync(_folder)).DisposeAsync();
    }

    [Theory]
    [InlineData("PRAGMA user_version = 99", "newer Weir")]
    [InlineData("PRAGMA application_id = 7", "another program")]
    public async Task Open_FileOfAnother_IsRefused(string change, string said)
    {
        await (await OpenAsync(_folder)).DisposeAsync();
        await using (var connection = new SqliteConnection($"Data Source={Path.Combine(_folder, "state.db")};Pooling=False"))
        {
            connection.Open();
            await using var command = connection.CreateCommand();
            command.CommandText = change;
            command.ExecuteNonQuery();
        }

        (await Should.ThrowAsync<StoreUnavailableException>(async () => await OpenAsync(_folder))).Message.ShouldContain(said);
    }

    [Fact]
    public async Task Open_DamagedCache_StartsWithAnEmptyOne()
    {
        await (await OpenAsync(_folder)).DisposeAsync();
        foreach (var file in Directory.GetFiles(_folder, "cache.db*"))
            File.Delete(file);
        await File.WriteAllTextAsync(Path.Combine(_folder, "cache.db"), new string('x', 10_000));

        await using var store = await OpenAsync(_folder);
        await store.Cache.SetAsync("s", new byte[] { 1 }, Json("v"));
        (await store.Cache.GetAsync("s", new byte[] { 1 })).ShouldNotBeNull();
    }

    [Fact]
    public async Task Open_FilesOpenToOthers_ClosesThemAndMakesNoneOpen()
    {
        if (OperatingSystem.IsWindows())
            return;
        const UnixFileMode Others = (UnixFileMode)0x3f;
        var data = Path.Combine(_folder, "data");
        await (await OpenAsync(data)).DisposeAsync();
        foreach (var file in Directory.GetFiles(data))
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        File.SetUnixFileMode(Path.Combine(data, "blobs"), File.GetUnixFileMode(data) | UnixFileMode.OtherExecute);

        await using var store = await OpenAsync(data);
        await store.CommitAsync(Of("p", Put("a", 0, "1")));
        await store.Cache.SetAsync("s", new byte[] { 1 }, Json("v"));
        await store.Blobs.WriteAsync(IBlobStore.NewId(), new MemoryStream([1]));

        var entries = Directory.GetFileSystemEntries(data, "*", SearchOption.AllDirectories);
        new[] { "state.db", "state.db-wal", "state.db-shm", "cache.db", "cache.db-wal", "lock", "lock.pid", "blobs", "logs" }.ShouldBeSubsetOf(entries.Select(entry => Path.GetFileName(entry)));
        entries.Append(data).Where(entry => (File.GetUnixFileMode(entry) & Others) != 0).ShouldBeEmpty();
    }

    [Fact]
    public void Load_NoLibrary_SaysWhatToInstall() =>
        Should.Throw<StoreUnavailableException>(() => NativeSqlite.Load(["no-such-library.so.0"])).Message.ShouldContain("apt-get install libsqlite3-0");

    private static ValueTask<IStateStore> OpenAsync(string folder) => StateStores.OpenAsync(new StateOptions { DataFolder = folder });
}
