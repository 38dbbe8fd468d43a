using System.Text.Json;
using Weir.Leases.Desktops.Accessibility;
using Weir.Leases.Desktops.Input;
using Weir.Leases.Desktops.Screens;
using Weir.Leases.Desktops.X11;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops;

/// <summary>The eyes and hands of one desktop. Whatever its X server does costs a bounded time and amount of memory; a connection that broke is made again.</summary>
internal sealed class DesktopScreen : IAsyncDisposable
{
    private const int MostCaptures = 2;

    private readonly CaptureRoom _room;
    private readonly TimeProvider _time;
    private readonly XSession _session;
    private readonly SettledScreen _settled;
    private readonly AccessibilityTree _tree;
    private readonly HeldInput _held = new();
    private readonly LentKeys _lent;
    private readonly BoundedGate _acting = new(1);
    private readonly BoundedGate _capturing = new(MostCaptures);
    private readonly BoundedGate _reading = new(1);

    public DesktopScreen(IDesktop desktop, CaptureRoom room, TimeProvider time)
    {
        (_room, _time, _session) = (room, time, new XSession(desktop, time));
        (_settled, _tree, _lent) = (new SettledScreen(desktop, _session, room, time), new AccessibilityTree(desktop, time), new LentKeys(time));
    }

    /// <summary>The screen as a PNG.</summary>
    /// <param name="withCursor">The pointer is drawn where it is.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public ValueTask<KindResult<ReadOnlyMemory<byte>>> CaptureAsync(bool withCursor, CancellationToken cancellationToken) =>
        _capturing.RunAsync(
            () => _session.AskAsync<ReadOnlyMemory<byte>>(
                async display =>
                {
                    var size = await display.SizeAsync().ConfigureAwait(false);
                    using var place = await _room.TakeAsync(size, cancellationToken).ConfigureAwait(false);
                    if (!place.IsAcquired)
                        return KindResult.Failed<ReadOnlyMemory<byte>>(CaptureRoom.Full);
                    using var image = await display.ImageAsync(size).ConfigureAwait(false);
                    if (withCursor && await display.CursorAsync().ConfigureAwait(false) is { } cursor)
                        image.Draw(cursor);
                    return KindResult.Of<ReadOnlyMemory<byte>>(Png.Encode(image));
                },
                again: true,
                cancellationToken),
            cancellationToken);

    /// <summary>Does a list of actions, after the lists that came before.</summary>
    /// <param name="body">As <see cref="ActionList.Read"/> takes it.</param>
    /// <param name="cancellationToken">Ends it; keys and buttons that it holds are released.</param>
    /// <returns>An error where nothing was done; else a report, which has the error of an action that could not be done.</returns>
    public async ValueTask<KindResult<ActionReport>> ActAsync(JsonElement body, CancellationToken cancellationToken)
    {
        var (list, fault) = ActionList.Read(body);
        return fault is null
            ? await _acting.RunAsync(() => ActAsync(list, cancellationToken), cancellationToken).ConfigureAwait(false)
            : KindResult.Failed<ActionReport>(fault);
    }

    /// <summary>Lets go of every key and button that an action has left pressed.</summary>
    public async ValueTask<LeaseError?> ReleaseAllAsync(CancellationToken cancellationToken)
    {
        var (_, error) = await _acting.RunAsync(() => ReleaseAsync([], cancellationToken), cancellationToken).ConfigureAwait(false);
        return error;
    }

    /// <summary>What programs tell assistive technology of themselves; see <see cref="AccessibilityTree"/>.</summary>
    public ValueTask<KindResult<JsonElement>> TreeAsync(CancellationToken cancellationToken) => _reading.RunAsync(() => _tree.ReadAsync(cancellationToken), cancellationToken);

    /// <summary>Whether the X server answers.</summary>
    /// <returns>Null: it does.</returns>
    public async ValueTask<LeaseError?> IsAliveAsync(CancellationToken cancellationToken)
    {
        var (_, error) = await _session.AskAsync(async display => KindResult.Of(await display.SizeAsync().ConfigureAwait(false)), again: true, cancellationToken).ConfigureAwait(false);
        return error;
    }

    /// <summary>Until it shows what its program has to show; see <see cref="SettledScreen.WaitAsync"/>.</summary>
    public Task SettleAsync(TimeSpan within, bool isShown, CancellationToken cancellationToken) => _settled.WaitAsync(within, isShown, cancellationToken);

    public ValueTask DisposeAsync() => _session.DisposeAsync();

    private async Task<KindResult<ActionReport>> ActAsync(ActionList list, CancellationToken cancellationToken)
    {
        var before = _held.Snapshot();
        using var late = new CancellationTokenSource(ActionList.Longest, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        InputRunner? runner = null;
        KindResult<ActionReport> result;
        try
        {
            result = await _session.AskAsync(
                async display => KindResult.Of(await (runner = new InputRunner(display, _held, _lent, _time)).RunAsync(list, either.Token).ConfigureAwait(false)), again: false, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return KindResult.Failed<ActionReport>(new LeaseError(503, "unavailable", $"The actions took more than {ActionList.Longest.TotalSeconds:0} s and were ended. {runner?.Progress}"));
        }

        // The connection broke in the middle, and what was pressed on it stays pressed.
        if (result.Error is not null && _held.ReleasesSince(before).Count > 0)
            await ReleaseAsync(before, CancellationToken.None).ConfigureAwait(false);
        return result;
    }

    private Task<KindResult<bool>> ReleaseAsync(IReadOnlyList<XInput> before, CancellationToken cancellationToken) => _session.AskAsync(
        async display =>
        {
            await new InputRunner(display, _held, _lent, _time).ReleaseAsync(before).ConfigureAwait(false);
            return KindResult.Of(true);
        },
        again: true,
        cancellationToken);
}
