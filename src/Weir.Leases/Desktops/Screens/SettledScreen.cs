using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops.Screens;

/// <summary>
/// Waits until a desktop shows what its program has to show. A window is on the screen before anything is painted in it, and stays as it is while the program has no
/// turn on a busy machine: so the screen must have been the same for a while in which no thread inside had anything to do. A page that is still awaited counts as
/// change, since browsers turn a wheel meanwhile. Until the first thing is painted more time is given, since nobody has use for a blank screen.
/// </summary>
internal sealed class SettledScreen(IDesktop desktop, XSession session, CaptureRoom room, TimeProvider time)
{
    /// <summary>A page may move for ever.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>How long a program that has something to show may leave the screen blank: a browser that many others start beside takes that long.</summary>
    public static readonly TimeSpan LongestBlank = TimeSpan.FromSeconds(20);

    /// <summary>So many looks alike, one after the other. Together they are shorter than the half second in which a text cursor blinks.</summary>
    public const int Alike = 6;

    /// <summary>So many while nothing is painted: between two steps of its start a program may have nothing to do. A page of one colour that fills the screen costs no more than this.</summary>
    public const int AlikeBlank = 20;

    public static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private int? _settled;

    /// <summary>Returns when the screen is at rest, at once where it has been so since the program was started, and in any case in time: not to come to rest is no fault.</summary>
    /// <param name="within">How long it is waited for, at most <see cref="Longest"/>, and before that <see cref="LongestBlank"/> where it is blank; zero or less: not at all.</param>
    /// <param name="isShown">The program is one that shows something: while the screen is blank, it is waited for longer.</param>
    /// <param name="cancellationToken">Ends it with an exception.</param>
    public async Task WaitAsync(TimeSpan within, bool isShown, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        if (isShown && !await WithinAsync(within < LongestBlank ? within : LongestBlank, PaintAsync, cancellationToken).ConfigureAwait(false))
            return;
        var left = within - time.GetElapsedTime(began);
        await WithinAsync(left < Longest ? left : Longest, RestAsync, cancellationToken).ConfigureAwait(false);
    }

    /// <returns>Whether it came to its end in time.</returns>
    private async Task<bool> WithinAsync(TimeSpan within, Func<CancellationToken, Task> wait, CancellationToken cancellationToken)
    {
        if (within <= TimeSpan.Zero)
            return false;
        using var late = new CancellationTokenSource(within, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            await wait(either.Token).ConfigureAwait(false);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private async Task PaintAsync(CancellationToken cancellationToken) => await AlikeAsync(AlikeBlank, untilPainted: true, cancellationToken).ConfigureAwait(false);

    private async Task RestAsync(CancellationToken cancellationToken) => _settled = await AlikeAsync(Alike, untilPainted: false, cancellationToken).ConfigureAwait(false) ?? _settled;

    /// <summary>Until so many looks are alike while nobody inside has anything to do, or something is painted.</summary>
    /// <returns>Which start of the program it was that came to rest; null where it cannot be told, and where it had come to rest before.</returns>
    private async Task<int?> AlikeAsync(int most, bool untilPainted, CancellationToken cancellationToken)
    {
        ScreenLook? shown = null;
        DesktopWork? before = null;
        for (var alike = 0; alike < most;)
        {
            // Who cannot tell what it is at, or has no screen, will not come to rest either.
            if (await desktop.WorkAsync(cancellationToken).ConfigureAwait(false) is not { } work || work.Start == _settled)
                return null;
            var (seen, error) = await session.AskAsync(display => LookAsync(display, cancellationToken), again: true, cancellationToken).WaitAsync(cancellationToken).ConfigureAwait(false);
            if (error is not null || (untilPainted && seen is { IsBlank: false }))
                return null;
            alike = !work.IsBusy && work == before && seen is not null && seen == shown ? alike + 1 : 0;
            (shown, before) = (seen, work);
            if (alike < most)
                await Task.Delay(Look, time, cancellationToken).ConfigureAwait(false);
        }

        return before?.Start;
    }

    private async Task<KindResult<ScreenLook?>> LookAsync(X11.XDisplay display, CancellationToken cancellationToken)
    {
        var size = await display.SizeAsync().ConfigureAwait(false);
        using var place = await room.TakeAsync(size, cancellationToken).ConfigureAwait(false);
        return KindResult.Of(place.IsAcquired ? await display.LookAsync(size).ConfigureAwait(false) : null);
    }
}
