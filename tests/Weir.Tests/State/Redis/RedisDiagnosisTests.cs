using Weir.State;
using Weir.State.Redis;
using Weir.Tests.Support;

namespace Weir.Tests.State.Redis;

public sealed class RedisDiagnosisTests
{
    private static readonly RedisAddress Address = new("h", 6379, 0, false);

    [Fact]
    public async Task Open_NotPersistingAndEvicting_WarnsWithWhatToSet()
    {
        await using var server = await RedisServer.StartAsync("--appendonly", "no", "--maxmemory-policy", "allkeys-lru");
        await using var store = await StateStores.OpenAsync(new StateOptions { Store = server.Url });

        store.Health.Kind.ShouldBe("redis");
        store.Health.Available.ShouldBeTrue();
        store.Health.Warnings.Count.ShouldBe(2);
        store.Health.Warnings[0].ShouldContain("appendonly yes");
        store.Health.Warnings[1].ShouldContain("noeviction");
    }

    [Fact]
    public async Task Open_Passwords_AreToldApart()
    {
        await using var server = await RedisServer.StartAsync("--requirepass", "right");

        (await FailAsync(server.Url, null)).ShouldContain("set WEIR_REDIS_PASSWORD");
        (await FailAsync(server.Url, "wrong")).ShouldContain("refuses the password");
        await (await StateStores.OpenAsync(new StateOptions { Store = server.Url, RedisPassword = "right" })).DisposeAsync();
    }

    [Fact]
    public async Task Open_NobodyThere_SaysSo()
    {
        (await FailAsync($"redis://127.0.0.1:{FreePort.Next()}", null)).ShouldContain("cannot be reached");
    }

    [Fact]
    public async Task Open_DatabaseThatDoesNotExist_SaysWhichThereAre()
    {
        await using var server = await RedisServer.StartAsync();
        var options = new StateOptions { Store = $"redis://127.0.0.1:{server.Port}/99" };

        var fault = await Should.ThrowAsync<StoreUnavailableException>(async () => await StateStores.OpenAsync(options));

        fault.Message.ShouldContain("has no database 99");
        fault.Message.ShouldContain("'databases'");
        fault.Misconfigured.ShouldBeTrue();
    }

    // Whatever a driver throws at what a user can write.
    [Theory]
    [InlineData("redis://127.0.0.1:0")]
    [InlineData("redis://127.0.0.1:1/2147483647")]
    [InlineData("redis://a..b:6379")]
    [InlineData("rediss://127.0.0.1:1")]
    public async Task Open_AddressesThatLeadNowhere_FailInOneWay(string state) => (await FailAsync(state, null)).ShouldNotBeEmpty();

    [Theory]
    [InlineData("redis://u:secret@host:6379", "WEIR_REDIS_PASSWORD")]
    [InlineData("redis://host/one", "redis://host:port/db")]
    [InlineData("postgres://host", "sqlite, memory")]
    public async Task Open_WrongStateString_SaysWhatToWriteWithoutThePassword(string state, string said)
    {
        var message = await FailAsync(state, null);

        message.ShouldContain(said);
        message.ShouldNotContain("secret");
    }

    [Fact]
    public void Examine_TooOld_NamesTheVersion() =>
        Should.Throw<StoreUnavailableException>(() => RedisDiagnosis.Examine(Address, RedisDiagnosis.ParseInfo("# Server\r\nredis_version:6.2.7\r\n")))
            .Message.ShouldContain("6.2.7");

    [Theory]
    [InlineData("redis://h", "h", 6379, 0, false)]
    [InlineData("redis://10.0.0.1:7000/3", "10.0.0.1", 7000, 3, false)]
    [InlineData("rediss://[::1]:7000/", "::1", 7000, 0, true)]
    public void TryParse_Valid_GivesEachPart(string text, string host, int port, int database, bool tls)
    {
        RedisAddress.TryParse(text, out var address).ShouldBeTrue();
        address.ShouldBe(new RedisAddress(host, port, database, tls));
    }

    private static async Task<string> FailAsync(string url, string? password) =>
        (await Should.ThrowAsync<StoreUnavailableException>(async () =>
            await StateStores.OpenAsync(new StateOptions { Store = url, RedisPassword = password, OpenTimeout = TimeSpan.FromSeconds(3) }))).Message;
}
