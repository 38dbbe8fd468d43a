using Weir.Leases.Desktops.X11;

namespace Weir.Leases.Desktops.Input;

/// <summary>
/// After a click, waits until keys go where it was meant to lead them. A window manager holds a click back while it gives the window the keyboard, and keys overtake
/// what is held back: as long as that lasts, the X server counts the button as pressed.
/// </summary>
internal sealed class SettledFocus(XDisplay display, HeldInput held, TimeProvider time)
{
    /// <summary>Who has not taken a click by then does not take it.</summary>
    private static readonly TimeSpan TakenWithin = TimeSpan.FromSeconds(2);

    /// <summary>What was clicked may give the keyboard on, as a button does that opens a window.</summary>
    private static readonly TimeSpan SettledFor = TimeSpan.FromMilliseconds(30);
    private static readonly TimeSpan SettledWithin = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);

    private bool _isPressed;

    /// <summary>These have been sent.</summary>
    public void Done(IReadOnlyList<XInput> inputs) => _isPressed |= inputs.Any(input => input.Type is XInputType.ButtonPress or XInputType.ButtonRelease);

    /// <summary>Nothing to wait for where no button was used since the last time.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        if (!_isPressed)
            return;
        _isPressed = false;
        var pressed = held.Buttons;
        var began = time.GetTimestamp();
        var (buttons, window) = await display.FocusAsync().ConfigureAwait(false);
        while ((buttons & ~pressed) != 0 && time.GetElapsedTime(began) < TakenWithin)
        {
            await Task.Delay(Look, time, cancellationToken).ConfigureAwait(false);
            (buttons, window) = await display.FocusAsync().ConfigureAwait(false);
        }

        began = time.GetTimestamp();
        for (var since = began; time.GetElapsedTime(since) < SettledFor && time.GetElapsedTime(began) < SettledWithin;)
        {
            await Task.Delay(Look, time, cancellationToken).ConfigureAwait(false);
            (_, var now) = await display.FocusAsync().ConfigureAwait(false);
            if (now != window)
                (window, since) = (now, time.GetTimestamp());
        }
    }
}
