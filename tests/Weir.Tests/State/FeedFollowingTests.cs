using System.Threading.Channels;
using Weir.State;
using Weir.State.Memory;
using Weir.Tests.Server.Keys;
using Weir.Tests.Support;

namespace Weir.Tests.State;

public sealed class FeedFollowingTests : IAsyncDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly MemoryStateStore _inner;
    private readonly UnreliableStore _store;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Channel<Feed> _steps = Channel.CreateUnbounded<Feed>();
    private readonly Channel<TimeSpan> _pauses = Channel.CreateUnbounded<TimeSpan>();

    public FeedFollowingTests()
    {
        _inner = new MemoryStateStore(new StateOptions(), new ManualTimeProvider());
        _store = new UnreliableStore(_inner, new Random(1));
    }

    [Fact]
    public async Task Follow_BrokenOff_TakesASnapshotAnew()
    {
        var following = Follow(step => _steps.Writer.TryWrite(step));
        (await _steps.Reader.ReadAsync()).ShouldBeOfType<Feed.Snapshot>().Documents.ShouldBeEmpty();

        _store.Interrupt();
        await PassPauseAsync(TimeSpan.FromMilliseconds(100));
        (await _steps.Reader.ReadAsync()).ShouldBeOfType<Feed.Snapshot>();
        await _inner.CommitAsync(new Commit("p") { Writes = [new Write("k/1", 0, new byte[] { 1 })] });
        (await _steps.Reader.ReadAsync()).ShouldBeOfType<Feed.Changes>().Items.Count.ShouldBe(1);

        await _stopping.CancelAsync();
        await following;
    }

    [Fact]
    public async Task Follow_StoreAway_WaitsTwiceAsLongEachTimeUpToTenSecondsAndBeginsAnewWithTheNextStep()
    {
        _store.Away = true;
        var following = Follow(step => _steps.Writer.TryWrite(step));

        foreach (var milliseconds in (int[])[100, 200, 400, 800, 1600, 3200, 6400, 10_000])
            await PassPauseAsync(TimeSpan.FromMilliseconds(milliseconds));
        (await _pauses.Reader.ReadAsync()).ShouldBe(TimeSpan.FromSeconds(10));
        _store.Away = false;
        await _time.WhenArmedAsync(1);
        _time.Advance(TimeSpan.FromSeconds(10));
        await _steps.Reader.ReadAsync();
        _store.Interrupt();
        (await _pauses.Reader.ReadAsync()).ShouldBe(TimeSpan.FromMilliseconds(100));

        await _stopping.CancelAsync();
        await following;
    }

    [Fact]
    public async Task Follow_StepThatCannotBeApplied_IsGivenAgainAsASnapshot()
    {
        var isFirst = true;
        var following = Follow(step =>
        {
            if (!isFirst)
            {
                _steps.Writer.TryWrite(step);
                return;
            }

            isFirst = false;
            throw new InvalidOperationException("a fault of the reader");
        });

        await PassPauseAsync(TimeSpan.FromMilliseconds(100));
        (await _steps.Reader.ReadAsync()).ShouldBeOfType<Feed.Snapshot>();

        await _stopping.CancelAsync();
        await following;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _inner.DisposeAsync();
        _stopping.Dispose();
    }

    private Task Follow(Action<Feed> apply) =>
        _store.FollowAsync("p", "k/", apply, (_, pause) => _pauses.Writer.TryWrite(pause), _time, _stopping.Token);

    private async Task PassPauseAsync(TimeSpan expected)
    {
        (await _pauses.Reader.ReadAsync()).ShouldBe(expected);
        await _time.WhenArmedAsync(1);
        _time.Advance(expected);
    }
}
