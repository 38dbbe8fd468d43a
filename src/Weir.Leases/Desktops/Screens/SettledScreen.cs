using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops.Screens;

/// <summary>
/// Waits until a desktop shows what its program has to show. A window is on the screen before anything is painted in it, and stays as it is while the program has no
/// turn on a busy machine: so the screen must have been the same for a while in which no thread inside had anything to do. A page that is still awaited counts as
/// change, since browsers turn a wheel meanwhile.
/// </summary>
internal sealed class SettledScreen(IDesktop desktop, XSession session, CaptureRoom room, TimeProvider time)
{
    /// <summary>A page may move for ever.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>So many looks alike, one after the other. Together they are shorter than the half second in which a text cursor blinks.</summary>
    public const int Alike = 6;

    public static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private int? _settled;

    /// <summary>Returns when the screen is at rest, at once where it has been so since the program was started, and in any case in time: not to come to rest is no fault.</summary>
    /// <param name="within">How long it is waited for, at most <see cref="Longest"/>; zero or less: not at all.</param>
    /// <param name="cancellationToken">Ends it with an exception.</param>
    public async Task WaitAsync(TimeSpan within, CancellationToken cancellationToken)
    {
        if (within <= TimeSpan.Zero)
            return;
        using var late = new CancellationTokenSource(within < Longest ? within : Longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            await RestAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
        }
    }

    private async Task RestAsync(CancellationToken cancellationToken)
    {
        uint? shown = null;
        DesktopWork? before = null;
        for (var alike = 0; alike < Alike;)
        {
            // Who cannot tell what it is at, or has no screen, will not come to rest either.
            if (await desktop.WorkAsync(cancellationToken).ConfigureAwait(false) is not { } work || work.Start == _settled)
                return;
            var (seen, error) = await session.AskAsync(display => SumAsync(display, cancellationToken), again: true, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
            if (error is not null)
                return;
            alike = !work.IsBusy && work == before && seen is not null && seen == shown ? alike + 1 : 0;
            (shown, before) = (seen, work);
            if (alike < Alike)
                await Task.Delay(Look, time, cancellationToken).ConfigureAwait(false);
        }

        _settled = before?.Start;
    }

    private async Task<KindResult<uint?>> SumAsync(X11.XDisplay display, CancellationToken cancellationToken)
    {
        var size = await display.SizeAsync().ConfigureAwait(false);
        using var place = await room.TakeAsync(size, cancellationToken).ConfigureAwait(false);
        return KindResult.Of(place.IsAcquired ? await display.SumAsync(size).ConfigureAwait(false) : null);
    }
}
