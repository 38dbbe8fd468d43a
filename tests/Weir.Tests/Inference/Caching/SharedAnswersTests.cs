using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference.Caching;
using Weir.State;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Caching;

public sealed class SharedAnswersTests : IDisposable
{
    private static readonly AnswerKey Key = new(1, 2, 3, 4);

    private readonly ManualTimeProvider _time = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly CacheMetrics _metrics;
    private readonly StubbornCache _store = new();
    private readonly SharedAnswers _answers;

    public SharedAnswersTests()
    {
        _metrics = new CacheMetrics(_services.GetRequiredService<IMeterFactory>());
        _answers = new SharedAnswers(_store, _time, _metrics);
    }

    public void Dispose()
    {
        _metrics.Dispose();
        _services.Dispose();
    }

    [Fact]
    public async Task Find_StoreThatDoesNotAnswer_IsAMissAfterItsPatience()
    {
        var finding = _answers.FindAsync(Key, CancellationToken.None).AsTask();
        await _time.WhenArmedAsync();
        finding.IsCompleted.ShouldBeFalse();
        _time.Advance(SharedAnswers.Patience);
        (await finding).ShouldBeNull();
    }

    [Fact]
    public async Task Find_StoreThatFails_IsAMiss()
    {
        _store.Read.SetException(new StoreUnavailableException("away"));
        (await _answers.FindAsync(Key, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task Find_WhatIsLeftOfItsTime_ComesWithIt()
    {
        var answer = new KeptAnswer("application/json", false, "{}"u8.ToArray());
        _store.Read.SetResult(answer.Pack(_time.GetUtcNow() + TimeSpan.FromMinutes(2)));
        _time.Advance(TimeSpan.FromMinutes(1));
        (await _answers.FindAsync(Key, CancellationToken.None))!.Value.Left.ShouldBe(TimeSpan.FromMinutes(1));
        _time.Advance(TimeSpan.FromMinutes(1));
        (await _answers.FindAsync(Key, CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public void Keep_StoreThatDoesNotAnswer_ReturnsAtOnceAndPilesUpNoMoreThanItsBound()
    {
        for (var i = 0; i < 200; i++)
        {
            _answers.Keep(Key, new KeptAnswer(null, false, "{}"u8.ToArray()), TimeSpan.FromMinutes(1));
        }

        _store.Writes.ShouldBe(64);
    }

    [Fact]
    public void Keep_LargerThanTheStoreTakes_IsLeftOut()
    {
        _answers.Keep(Key, new KeptAnswer(null, false, new byte[1 << 20]), TimeSpan.FromMinutes(1));
        _store.Writes.ShouldBe(0);
    }

    private sealed class StubbornCache : ICacheStore
    {
        public TaskCompletionSource<ReadOnlyMemory<byte>?> Read { get; } = new();

        public int Writes { get; private set; }

        public ValueTask<ReadOnlyMemory<byte>?> GetAsync(string space, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => new(Read.Task);

        public ValueTask SetAsync(string space, ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, TimeSpan? ttl = null, CancellationToken cancellationToken = default)
        {
            Writes++;
            return new ValueTask(new TaskCompletionSource().Task);
        }

        public ValueTask<IReadOnlyList<ReadOnlyMemory<byte>?>> GetManyAsync(
            string space, IReadOnlyList<ReadOnlyMemory<byte>> keys, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<int> SetManyAsync(
            string space, IReadOnlyList<CacheEntry> entries, TimeSpan? ttl = null, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public void Bound(string space, long maxBytes)
        {
        }

        public ValueTask<long> ClearAsync(string space, CancellationToken cancellationToken = default) => new(0);
    }
}
