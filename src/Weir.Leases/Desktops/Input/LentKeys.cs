using Weir.Leases.Desktops.X11;

namespace Weir.Leases.Desktops.Input;

/// <summary>
/// Gives characters that the keyboard does not have keys that mean nothing else. A program reads the keyboard again when it hears of a change, which may be late;
/// so a key is given another character only when half of all such keys have been given one since, and not within <see cref="BeforeReuse"/> of its last use.
/// </summary>
internal sealed class LentKeys(TimeProvider time)
{
    private static readonly TimeSpan BeforeReuse = TimeSpan.FromMilliseconds(150);

    /// <summary>Programs hear of the change before any key that follows it, but a toolkit may hear of it on a connection of its own, and a little later.</summary>
    private static readonly TimeSpan BeforeUse = TimeSpan.FromMilliseconds(60);

    private readonly Dictionary<byte, long> _usedAt = [];

    /// <summary>How many of these keysyms, from the first on, can have keys at the same time.</summary>
    public static int Fitting(XKeyboard keyboard, IReadOnlyList<uint> keysyms)
    {
        var room = Math.Max(1, (keyboard.Spare.Count + keyboard.Lent.Count) / 2);
        HashSet<uint> missing = [];
        for (var index = 0; index < keysyms.Count; index++)
        {
            if ((keyboard.Find(keysyms[index]) is not { } key || keyboard.Lent.ContainsKey(key.Code)) && missing.Add(keysyms[index]) && missing.Count > room)
                return index;
        }

        return keysyms.Count;
    }

    /// <summary>Sees to it that every keysym has a key; <see cref="Fitting"/> says how many may be asked for.</summary>
    /// <returns>The keyboard as it is then.</returns>
    public async Task<LentKeyboard> LendAsync(XDisplay display, XKeyboard keyboard, IEnumerable<uint> keysyms, CancellationToken cancellationToken)
    {
        var wanted = keysyms.ToHashSet();
        var missing = wanted.Where(keysym => keyboard.Find(keysym) is null).ToList();
        if (missing.Count > 0)
        {
            var reusable = keyboard.Lent.Where(key => !wanted.Contains(key.Value)).Select(key => key.Key).OrderBy(code => _usedAt.GetValueOrDefault(code));
            // A device sends no key beyond 255, and the lowest may be wired to something in a program that looks at codes.
            var codes = keyboard.Spare.Reverse().Concat(reusable).Take(missing.Count).ToList();
            if (codes.Count < missing.Count)
                return new LentKeyboard(keyboard, new LeaseError(422, "invalid_value", $"The desktop's keyboard has no key, and none to spare, for {missing.Count - codes.Count} of the keys asked for."));
            var last = codes.Max(code => _usedAt.TryGetValue(code, out var at) ? at : long.MinValue);
            if (last != long.MinValue && BeforeReuse - time.GetElapsedTime(last) is { } wait && wait > TimeSpan.Zero)
                await Task.Delay(wait, time, cancellationToken).ConfigureAwait(false);
            if (await display.ChangeKeysAsync([.. codes.Zip(missing, (code, keysym) => new XKeyChange(code, keysym))], keyboard.PerKey).ConfigureAwait(false) is { } error)
                return new LentKeyboard(keyboard, new LeaseError(503, "unavailable", error.ToString()));
            await Task.Delay(BeforeUse, time, cancellationToken).ConfigureAwait(false);
            keyboard = await display.KeyboardAsync().ConfigureAwait(false);
            if (missing.Any(keysym => keyboard.Find(keysym) is null))
                return new LentKeyboard(keyboard, new LeaseError(503, "unavailable", "The desktop's keyboard did not take the characters: a program inside changes it too."));
        }

        return new LentKeyboard(keyboard, null);
    }

    /// <summary>Keys have just been pressed.</summary>
    public void Used(XKeyboard keyboard, IEnumerable<uint> keysyms)
    {
        var now = time.GetTimestamp();
        foreach (var keysym in keysyms)
        {
            if (keyboard.Find(keysym) is { } key && keyboard.Lent.ContainsKey(key.Code))
                _usedAt[key.Code] = now;
        }
    }
}

/// <summary>A keyboard, and why it is not as it should be.</summary>
/// <param name="Keyboard">As it was read last.</param>
/// <param name="Error">Null: it is as it was asked to be.</param>
internal readonly record struct LentKeyboard(XKeyboard Keyboard, LeaseError? Error);
