using System.Collections.Frozen;
using System.Runtime.InteropServices;

namespace Weir.Leases.Desktops.X11;

/// <summary>What the keys of an X server mean at one moment.</summary>
internal sealed class XKeyboard
{
    private readonly FrozenDictionary<uint, XKey> _byKeysym;

    private XKeyboard(FrozenDictionary<uint, XKey> byKeysym, IReadOnlyList<byte> spare, IReadOnlyDictionary<byte, uint> lent, int perKey) =>
        (_byKeysym, Spare, Lent, PerKey) = (byKeysym, spare, lent, perKey);

    /// <summary>Keys that mean nothing.</summary>
    public IReadOnlyList<byte> Spare { get; }

    /// <summary>Keys that mean one character whatever else is held, as only <see cref="XDisplay.ChangeKeysAsync"/> makes them: they may be given another.</summary>
    public IReadOnlyDictionary<byte, uint> Lent { get; }

    /// <summary>So many keysyms each key has.</summary>
    public int PerKey { get; }

    /// <summary>The key that gives a keysym, by itself or with shift. Null: none does.</summary>
    public XKey? Find(uint keysym) => _byKeysym.TryGetValue(keysym, out var key) ? key : null;

    /// <exception cref="XBrokenException">There are not as many keysyms as keys.</exception>
    public static XKeyboard Read(byte first, byte last, int perKey, ReadOnlySpan<byte> body)
    {
        if (perKey < 1 || body.Length != (last - first + 1) * perKey * 4)
            throw new XBrokenException($"The X server sent {body.Length} bytes for {perKey} keysyms of each key.");
        var keysyms = MemoryMarshal.Cast<byte, uint>(body);
        Dictionary<uint, XKey> found = [];
        List<byte> spare = [];
        Dictionary<byte, uint> lent = [];
        for (int code = first; code <= last; code++)
        {
            var key = keysyms.Slice((code - first) * perKey, perKey);
            if (!key.ContainsAnyExcept(0u))
            {
                if (!HasMeaningOfItsOwn(code))
                    spare.Add((byte)code);
                continue;
            }

            if (perKey > 1 && IsForeign(key[0]) && key[1] == key[0] && !key.ContainsAnyExcept(key[0], 0u))
                lent.Add((byte)code, key[0]);
            if (key[0] != 0)
                found.TryAdd(key[0], new XKey((byte)code, false));
            if (perKey > 1 && key[1] != 0)
                found.TryAdd(key[1], new XKey((byte)code, true));
        }

        return new XKeyboard(found.ToFrozenDictionary(), spare, lent, perKey);
    }

    /// <summary>A character beyond ASCII. Backspace and others of the usual keyboard mean one thing whatever is held too, and must stay.</summary>
    private static bool IsForeign(uint keysym) => keysym is >= 0xa0 and <= 0xff or >= 0x01000000 and <= 0x0110ffff;

    /// <summary>Keys that programs know by their codes whatever they give: none at all (8), and those that switch input methods on keyboards of East Asia.</summary>
    private static bool HasMeaningOfItsOwn(int code) => code is 8 or 93 or (>= 98 and <= 102) or 130 or 131;
}

/// <summary>How a keysym is given.</summary>
/// <param name="Code">The key.</param>
/// <param name="WithShift">Shift is held with it.</param>
internal readonly record struct XKey(byte Code, bool WithShift);

/// <summary>A key that is to mean a keysym, and nothing else.</summary>
internal readonly record struct XKeyChange(byte Code, uint Keysym);
