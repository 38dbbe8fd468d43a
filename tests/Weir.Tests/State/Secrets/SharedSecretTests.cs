using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.State;
using Weir.State.Memory;
using Weir.State.Secrets;
using Weir.Tests.Support;

namespace Weir.Tests.State.Secrets;

public sealed class SharedSecretTests : IAsyncLifetime
{
    private const string Key = "secrets/test";

    private readonly MemoryStateStore _store = new(new StateOptions(), TimeProvider.System);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task Secret_OfTwoReplicas_IsTheSameAndThereOnceTheyHaveStarted()
    {
        using var first = new TestSecret(_store);
        using var second = new TestSecret(_store);
        await Task.WhenAll(first.StartAsync(default), second.StartAsync(default));

        first.Used.ShouldNotBeNull().ShouldBe(second.Used);
        await Task.WhenAll(first.StopAsync(default), second.StopAsync(default));
    }

    [Fact]
    public async Task Secret_LostByTheStore_IsWrittenAgainByWhoeverHasIt()
    {
        using var replica = new TestSecret(_store);
        await replica.StartAsync(default);
        var secret = replica.Used;
        var document = (await _store.ReadAsync(SharedSecret.Partition, Key))!;

        await _store.CommitAsync(new Commit(SharedSecret.Partition) { Writes = [new Write(Key, document.Version, null)] });

        await Eventually.TrueAsync(async () => await _store.ReadAsync(SharedSecret.Partition, Key) is not null);
        (await _store.ReadAsync(SharedSecret.Partition, Key))!.Body.Span.SequenceEqual(document.Body.Span).ShouldBeTrue();
        replica.Used.ShouldBe(secret);
        replica.Times.ShouldBe(1);
        await replica.StopAsync(default);
    }

    [Fact]
    public async Task Secret_OfAReplicaThatWasFirstAfterALoss_CountsForAll()
    {
        using var replica = new TestSecret(_store);
        await replica.StartAsync(default);
        var document = (await _store.ReadAsync(SharedSecret.Partition, Key))!;
        var theirs = Enumerable.Repeat((byte)7, 16).ToArray();

        await _store.CommitAsync(new Commit(SharedSecret.Partition)
        {
            Writes = [new Write(Key, document.Version, JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["secret"] = Convert.ToBase64String(theirs) }))],
        });

        await Eventually.TrueAsync(() => replica.Used is { } used && used.SequenceEqual(theirs));
        await replica.StopAsync(default);
    }

    private sealed class TestSecret(IStateStore store) : SharedSecret(store, Key, 16, TimeProvider.System, NullLogger.Instance)
    {
        private volatile byte[]? _used;

        public byte[]? Used => _used;

        public int Times { get; private set; }

        protected override void Use(byte[] secret)
        {
            Times++;
            _used = secret;
        }
    }
}
