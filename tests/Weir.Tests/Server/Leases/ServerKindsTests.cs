using Weir.Leases.Kinds;
using Weir.Server.Leases;

namespace Weir.Tests.Server.Leases;

public sealed class ServerKindsTests
{
    [Fact]
    public async Task Sorts_BeforeThereIsAServer_AreThoseThatItHas()
    {
        await using var server = await RunningServer.StartAsync(new());

        ServerKinds.Sorts.Names.ShouldBe(["rag", "remote", "vm"]);
        server.Service<ResourceKinds>().All.Select(kind => kind.Sort).ShouldBe(ServerKinds.Sorts.Names.Select(name => ServerKinds.Sorts.Of(name)!), ignoreOrder: true);
    }
}
