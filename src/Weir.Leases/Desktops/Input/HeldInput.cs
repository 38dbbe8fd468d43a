using Weir.Leases.Desktops.X11;

namespace Weir.Leases.Desktops.Input;

/// <summary>The keys and buttons that have been pressed and not released. It outlives a connection: an X server keeps them pressed when who pressed them has gone.</summary>
internal sealed class HeldInput
{
    private readonly Lock _sync = new();
    private readonly List<XInput> _held = [];

    /// <summary>In the order in which they were pressed.</summary>
    public IReadOnlyList<XInput> Snapshot()
    {
        lock (_sync)
            return [.. _held];
    }

    /// <summary>The buttons among them, a bit for each from the first on.</summary>
    public int Buttons
    {
        get
        {
            lock (_sync)
                return _held.Where(press => press is { Type: XInputType.ButtonPress, Detail: >= 1 and <= 5 }).Aggregate(0, (bits, press) => bits | (1 << (press.Detail - 1)));
        }
    }

    /// <summary>What is about to be pressed counts as held, whatever becomes of it.</summary>
    public void Pressing(IReadOnlyList<XInput> inputs)
    {
        lock (_sync)
        {
            foreach (var input in inputs)
            {
                var press = new XInput(input.Type, input.Detail);
                if (press.Type is XInputType.KeyPress or XInputType.ButtonPress && !_held.Contains(press))
                    _held.Add(press);
            }
        }
    }

    /// <summary>All of it has been done.</summary>
    public void Done(IReadOnlyList<XInput> inputs)
    {
        lock (_sync)
        {
            foreach (var input in inputs)
            {
                if (input.Type is XInputType.KeyRelease or XInputType.ButtonRelease)
                    _held.Remove(new XInput(input.Type == XInputType.KeyRelease ? XInputType.KeyPress : XInputType.ButtonPress, input.Detail));
                else if (input.Type is XInputType.KeyPress or XInputType.ButtonPress && !_held.Contains(new XInput(input.Type, input.Detail)))
                    _held.Add(new XInput(input.Type, input.Detail));
            }
        }
    }

    /// <summary>What lets go of what is held and was not held before, the last first.</summary>
    public IReadOnlyList<XInput> ReleasesSince(IReadOnlyList<XInput> before)
    {
        lock (_sync)
            return [.. _held.Except(before).Reverse().Select(press => press with { Type = press.Type == XInputType.KeyPress ? XInputType.KeyRelease : XInputType.ButtonRelease })];
    }
}
