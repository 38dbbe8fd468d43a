using Weir.Leases.Desktops.X11;

namespace Weir.Leases.Desktops.Input;

/// <summary>Does one list of actions. What the list has pressed and not released is let go when it fails or is cancelled.</summary>
internal sealed class InputRunner(XDisplay display, HeldInput held, LentKeys lent, TimeProvider time)
{
    /// <summary>Between two points of a moving pointer.</summary>
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);

    /// <summary>In milliseconds.</summary>
    private const byte BetweenClicks = 30;

    /// <summary>As many characters as are sent in one piece.</summary>
    private const int MostAtOnce = 64;

    private readonly SettledFocus _focus = new(display, held, time);
    private int _typed;
    private int _toType;

    /// <summary>So many actions have been done.</summary>
    public int Done { get; private set; }

    /// <summary>What has been done, in a sentence; of a text also how far it came.</summary>
    public string Progress => _toType == 0
        ? $"Actions done before: {Done}."
        : $"Actions done before: {Done}; of the {_toType} characters of actions[{Done}], {_typed} have been typed.";

    /// <exception cref="XBrokenException">The connection broke; what is held stays in <see cref="HeldInput"/>.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task<ActionReport> RunAsync(ActionList list, CancellationToken cancellationToken)
    {
        var before = held.Snapshot();
        LeaseError? error = null;
        try
        {
            error = list.OutsideOf(await display.SizeAsync().ConfigureAwait(false));
            while (error is null && Done < list.Actions.Count)
            {
                cancellationToken.ThrowIfCancellationRequested();
                (_typed, _toType) = (0, 0);
                error = await DoAsync(list.Actions[Done], Done, cancellationToken).ConfigureAwait(false);
                if (error is null)
                    Done++;
            }
        }
        catch (OperationCanceledException)
        {
            await ReleaseAsync(before).ConfigureAwait(false);
            throw;
        }

        if (error is not null)
            await ReleaseAsync(before).ConfigureAwait(false);
        return new ActionReport(Done, error is null ? null : error with { Message = $"{error.Message} {Progress}" });
    }

    /// <summary>Lets go of everything that is held and was not held before.</summary>
    public async Task ReleaseAsync(IReadOnlyList<XInput> before)
    {
        if (held.ReleasesSince(before) is { Count: > 0 } releases)
            await FakeAsync(releases).ConfigureAwait(false);
    }

    private async Task<LeaseError?> DoAsync(DesktopAction action, int index, CancellationToken cancellationToken)
    {
        if (action is TypeAction or PressAction or HotkeyAction or KeyAction)
            await _focus.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (action.At is { } at && action is not MoveAction)
            await FakeAsync(XInput.Move(at.X, at.Y)).ConfigureAwait(false);
        switch (action)
        {
            case ClickAction click:
                return await ClickAsync((byte)click.Button, click.Clicks, click.Interval, cancellationToken).ConfigureAwait(false);
            case ScrollAction scroll:
                var wheel = scroll.IsHorizontal
                    ? scroll.Notches > 0 ? PointerButton.WheelRight : PointerButton.WheelLeft
                    : scroll.Notches > 0 ? PointerButton.WheelUp : PointerButton.WheelDown;
                return await ClickAsync((byte)wheel, Math.Abs(scroll.Notches), TimeSpan.Zero, cancellationToken).ConfigureAwait(false);
            case MoveAction move:
                return await MoveAsync(move, index, cancellationToken).ConfigureAwait(false);
            case ButtonAction button:
                await FakeAsync(XInput.Button((byte)button.Button, button.Down)).ConfigureAwait(false);
                return null;
            case TypeAction type:
                return await TypeAsync([.. type.Text.Select(rune => KeyNames.Of(rune)!.Value)], type.Interval, cancellationToken).ConfigureAwait(false);
            case PressAction press:
                return await TypeAsync([.. Enumerable.Repeat(press.Keysyms, press.Presses).SelectMany(keys => keys)], press.Interval, cancellationToken).ConfigureAwait(false);
            case HotkeyAction hotkey:
                return await HoldAsync(hotkey.Keysyms, true, true, cancellationToken).ConfigureAwait(false);
            case KeyAction key:
                return await HoldAsync([key.Keysym], key.Down, !key.Down, cancellationToken).ConfigureAwait(false);
            case WaitAction wait:
                await DelayAsync(wait.Time, cancellationToken).ConfigureAwait(false);
                return null;
            case ReleaseAllAction:
                await ReleaseAsync([]).ConfigureAwait(false);
                return null;
            default:
                throw new InvalidOperationException($"Nobody does a {action.GetType().Name}.");
        }
    }

    private async Task<LeaseError?> ClickAsync(byte button, int times, TimeSpan interval, CancellationToken cancellationToken)
    {
        XInput[] once = [XInput.Button(button, true), XInput.Button(button, false)];
        if (interval == TimeSpan.Zero)
        {
            // In one piece, so that two clicks are a double click however busy the machine is; and not at one moment, which Chromium takes for the same click.
            XInput[] again = button <= (byte)PointerButton.Right ? [once[0] with { After = BetweenClicks }, once[1]] : once;
            await FakeAsync([.. Enumerable.Range(0, times).SelectMany(click => click == 0 ? once : again)]).ConfigureAwait(false);
        }
        else
        {
            for (var click = 0; click < times; click++)
            {
                if (click > 0)
                    await DelayAsync(interval, cancellationToken).ConfigureAwait(false);
                await FakeAsync(once).ConfigureAwait(false);
            }
        }

        return null;
    }

    private async Task<LeaseError?> MoveAsync(MoveAction move, int index, CancellationToken cancellationToken)
    {
        var (x, y, _) = await display.PointerAsync().ConfigureAwait(false);
        var to = move.At ?? new ScreenPoint(x + move.By!.Value.X, y + move.By.Value.Y);
        if (ActionList.Outside(to, await display.SizeAsync().ConfigureAwait(false), index) is { } outside)
            return outside;
        if (move.Drag is { } button)
            await FakeAsync(XInput.Button((byte)button, true)).ConfigureAwait(false);
        var start = time.GetTimestamp();
        for (var elapsed = Step; elapsed < move.Duration; elapsed = time.GetElapsedTime(start) + Step)
        {
            await DelayAsync(Step, cancellationToken).ConfigureAwait(false);
            var part = elapsed / move.Duration;
            await FakeAsync(XInput.Move(x + (int)((to.X - x) * part), y + (int)((to.Y - y) * part))).ConfigureAwait(false);
        }

        await FakeAsync(XInput.Move(to.X, to.Y)).ConfigureAwait(false);
        if (move.Drag is { } held)
        {
            await DelayAsync(Step, cancellationToken).ConfigureAwait(false);
            await FakeAsync(XInput.Button((byte)held, false)).ConfigureAwait(false);
        }

        return null;
    }

    /// <summary>Presses and releases keys one after the other, so that each gives exactly its keysym.</summary>
    private async Task<LeaseError?> TypeAsync(IReadOnlyList<uint> keysyms, TimeSpan interval, CancellationToken cancellationToken)
    {
        _toType = keysyms.Count;
        var keyboard = await display.KeyboardAsync().ConfigureAwait(false);
        // With capitals locked, letters would come out in the other case.
        byte? capsLock = (await display.PointerAsync().ConfigureAwait(false)).IsCapsLocked && !keysyms.Contains(KeyNames.CapsLock) ? keyboard.Find(KeyNames.CapsLock)?.Code : null;
        if (capsLock is { } locked)
            await FakeAsync(XInput.Key(locked, true), XInput.Key(locked, false)).ConfigureAwait(false);
        try
        {
            for (var at = 0; at < keysyms.Count;)
            {
                var ahead = keysyms.Skip(at).ToList();
                var piece = ahead[..LentKeys.Fitting(keyboard, ahead)];
                (keyboard, var error) = await lent.LendAsync(display, keyboard, piece, cancellationToken).ConfigureAwait(false);
                if (error is not null)
                    return error;
                await TypePieceAsync(keyboard, piece, interval, cancellationToken).ConfigureAwait(false);
                lent.Used(keyboard, piece);
                at += piece.Count;
            }

            return null;
        }
        finally
        {
            if (capsLock is { } again)
                await FakeAsync(XInput.Key(again, true), XInput.Key(again, false)).ConfigureAwait(false);
        }
    }

    private async Task TypePieceAsync(XKeyboard keyboard, IReadOnlyList<uint> keysyms, TimeSpan interval, CancellationToken cancellationToken)
    {
        foreach (var batch in keysyms.Chunk(interval > TimeSpan.Zero ? 1 : MostAtOnce))
        {
            List<XInput> inputs = [];
            foreach (var keysym in batch)
            {
                var key = keyboard.Find(keysym)!.Value;
                byte? shift = key.WithShift ? keyboard.Find(KeyNames.ShiftLeft)?.Code : null;
                if (shift is { } down)
                    inputs.Add(XInput.Key(down, true));
                inputs.AddRange([XInput.Key(key.Code, true), XInput.Key(key.Code, false)]);
                if (shift is { } up)
                    inputs.Add(XInput.Key(up, false));
            }

            await FakeAsync(inputs).ConfigureAwait(false);
            _typed += batch.Length;
            await DelayAsync(interval, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Presses keys in their order, and releases them in the opposite one.</summary>
    private async Task<LeaseError?> HoldAsync(IReadOnlyList<uint> keysyms, bool press, bool release, CancellationToken cancellationToken)
    {
        var (keyboard, error) = await lent.LendAsync(display, await display.KeyboardAsync().ConfigureAwait(false), keysyms, cancellationToken).ConfigureAwait(false);
        if (error is not null)
            return error;
        List<byte> codes = [];
        foreach (var keysym in keysyms)
        {
            var key = keyboard.Find(keysym)!.Value;
            if (key.WithShift && keyboard.Find(KeyNames.ShiftLeft) is { } shift && !codes.Contains(shift.Code))
                codes.Add(shift.Code);
            codes.Add(key.Code);
        }

        List<XInput> inputs = [];
        if (press)
            inputs.AddRange(codes.Select(code => XInput.Key(code, true)));
        if (release)
            inputs.AddRange(codes.AsEnumerable().Reverse().Select(code => XInput.Key(code, false)));
        await FakeAsync(inputs).ConfigureAwait(false);
        lent.Used(keyboard, keysyms);
        return null;
    }

    private Task FakeAsync(params XInput[] inputs) => FakeAsync((IReadOnlyList<XInput>)inputs);

    private async Task FakeAsync(IReadOnlyList<XInput> inputs)
    {
        held.Pressing(inputs);
        if (await display.FakeAsync(inputs).ConfigureAwait(false) is { } error)
            throw new XBrokenException(error.ToString());
        held.Done(inputs);
        _focus.Done(inputs);
    }

    private Task DelayAsync(TimeSpan duration, CancellationToken cancellationToken) => duration > TimeSpan.Zero ? Task.Delay(duration, time, cancellationToken) : Task.CompletedTask;
}

/// <summary>What came of a list of actions.</summary>
/// <param name="Done">So many were done, from the first on.</param>
/// <param name="Error">Why the next was not. Null: all were done.</param>
internal sealed record ActionReport(int Done, LeaseError? Error);
