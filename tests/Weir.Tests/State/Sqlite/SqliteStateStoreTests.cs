using Weir.State;

namespace Weir.Tests.State.Sqlite;

public sealed class SqliteStateStoreTests : StoreContract
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-state-").FullName;

    protected override ValueTask<IStateStore> OpenAsync() => StateStores.OpenAsync(new StateOptions { DataFolder = _folder, CacheBytes = CacheBytes });

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
