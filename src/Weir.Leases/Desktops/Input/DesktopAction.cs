using System.Text;

namespace Weir.Leases.Desktops.Input;

/// <summary>One thing to do with a desktop's pointer or keyboard, checked as far as it can be without looking at the screen.</summary>
internal abstract record DesktopAction
{
    /// <summary>How long it lasts at least, by what it asks for.</summary>
    public virtual TimeSpan Lasts => TimeSpan.Zero;

    /// <summary>The point that must be on the screen. Null: none is named.</summary>
    public ScreenPoint? At { get; init; }
}

/// <summary>In pixels from the upper left corner.</summary>
internal readonly record struct ScreenPoint(int X, int Y);

/// <summary>As X numbers them.</summary>
internal enum PointerButton : byte
{
    Left = 1,
    Middle = 2,
    Right = 3,
    WheelUp = 4,
    WheelDown = 5,
    WheelLeft = 6,
    WheelRight = 7,
}

/// <summary>Presses and releases a button, where the pointer is or at a point.</summary>
internal sealed record ClickAction(PointerButton Button, int Clicks, TimeSpan Interval) : DesktopAction
{
    public override TimeSpan Lasts => Interval * (Clicks - 1);
}

/// <summary>Moves the pointer to <see cref="DesktopAction.At"/>, or by a distance; with <paramref name="Drag"/>, while that button is held.</summary>
internal sealed record MoveAction(ScreenPoint? By, TimeSpan Duration, PointerButton? Drag) : DesktopAction
{
    public override TimeSpan Lasts => Duration;
}

/// <summary>Presses a button and holds it, or lets it go.</summary>
internal sealed record ButtonAction(PointerButton Button, bool Down) : DesktopAction;

/// <summary>Turns the wheel so many notches: up or right where positive.</summary>
internal sealed record ScrollAction(int Notches, bool IsHorizontal) : DesktopAction;

/// <summary>Types characters one after the other.</summary>
internal sealed record TypeAction(IReadOnlyList<Rune> Text, TimeSpan Interval) : DesktopAction
{
    public override TimeSpan Lasts => Interval * Text.Count;
}

/// <summary>Presses and releases keys one after the other, all of it so many times.</summary>
internal sealed record PressAction(IReadOnlyList<uint> Keysyms, int Presses, TimeSpan Interval) : DesktopAction
{
    public override TimeSpan Lasts => Interval * (Keysyms.Count * Presses);
}

/// <summary>Presses keys in their order and releases them in the opposite one.</summary>
internal sealed record HotkeyAction(IReadOnlyList<uint> Keysyms) : DesktopAction;

/// <summary>Presses a key and holds it, or lets it go.</summary>
internal sealed record KeyAction(uint Keysym, bool Down) : DesktopAction;

internal sealed record WaitAction(TimeSpan Time) : DesktopAction
{
    public override TimeSpan Lasts => Time;
}

/// <summary>Lets go of every key and button that an action has pressed and none has released.</summary>
internal sealed record ReleaseAllAction : DesktopAction;
