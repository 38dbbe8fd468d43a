using System.Collections.Frozen;
using System.Text;

namespace Weir.Leases.Desktops.Input;

/// <summary>The names that pyautogui has for keys, and the keysyms of X for them and for any character.</summary>
internal static class KeyNames
{
    public const uint Return = 0xff0d;
    public const uint Tab = 0xff09;
    public const uint ShiftLeft = 0xffe1;
    public const uint CapsLock = 0xffe5;

    private static readonly FrozenDictionary<string, uint> Named = Build();

    /// <summary>Every name, for people.</summary>
    public static IEnumerable<string> All => Named.Keys.Order(StringComparer.Ordinal);

    /// <param name="key">A name in any case, or one character, whose case counts.</param>
    /// <returns>Null: there is no such key.</returns>
    public static uint? Find(string key)
    {
        if (Named.TryGetValue(key, out var keysym))
            return keysym;
        return Rune.DecodeFromUtf16(key, out var rune, out var length) == System.Buffers.OperationStatus.Done && length == key.Length ? Of(rune) : null;
    }

    /// <summary>The keysym that types a character. Null: none does, as of control characters that are no key.</summary>
    public static uint? Of(Rune character) => character.Value switch
    {
        '\n' or '\r' => Return,
        '\t' => Tab,
        '\b' => 0xff08,
        // Latin-1 are keysyms themselves; everything else of Unicode has this place among them.
        >= 0x20 and <= 0x7e or >= 0xa0 and <= 0xff => (uint)character.Value,
        < 0x100 => null,
        _ => 0x01000000u + (uint)character.Value,
    };

    private static FrozenDictionary<string, uint> Build()
    {
        Dictionary<string, uint> keys = new(StringComparer.OrdinalIgnoreCase)
        {
            ["backspace"] = 0xff08, ["tab"] = Tab, ["enter"] = Return, ["return"] = Return, ["clear"] = 0xff0b,
            ["esc"] = 0xff1b, ["escape"] = 0xff1b, ["space"] = 0x20, ["delete"] = 0xffff, ["del"] = 0xffff,
            ["insert"] = 0xff63, ["home"] = 0xff50, ["end"] = 0xff57, ["left"] = 0xff51, ["up"] = 0xff52, ["right"] = 0xff53, ["down"] = 0xff54,
            ["pageup"] = 0xff55, ["pgup"] = 0xff55, ["pagedown"] = 0xff56, ["pgdn"] = 0xff56,
            ["shift"] = ShiftLeft, ["shiftleft"] = ShiftLeft, ["shiftright"] = 0xffe2, ["ctrl"] = 0xffe3, ["control"] = 0xffe3, ["ctrlleft"] = 0xffe3, ["ctrlright"] = 0xffe4,
            ["alt"] = 0xffe9, ["altleft"] = 0xffe9, ["altright"] = 0xffea, ["option"] = 0xffe9, ["optionleft"] = 0xffe9, ["optionright"] = 0xffea,
            ["win"] = 0xffeb, ["winleft"] = 0xffeb, ["winright"] = 0xffec, ["command"] = 0xffeb, ["super"] = 0xffeb, ["meta"] = 0xffe7,
            ["capslock"] = CapsLock, ["numlock"] = 0xff7f, ["scrolllock"] = 0xff14, ["pause"] = 0xff13, ["stop"] = 0xff69,
            ["print"] = 0xff61, ["printscreen"] = 0xff61, ["prntscrn"] = 0xff61, ["prtsc"] = 0xff61, ["prtscr"] = 0xff61,
            ["apps"] = 0xff67, ["help"] = 0xff6a, ["select"] = 0xff60, ["execute"] = 0xff62, ["modechange"] = 0xff7e,
            ["multiply"] = 0xffaa, ["add"] = 0xffab, ["separator"] = 0xffac, ["subtract"] = 0xffad, ["decimal"] = 0xffae, ["divide"] = 0xffaf,
            ["browserback"] = 0x1008ff26, ["browserforward"] = 0x1008ff27, ["browserrefresh"] = 0x1008ff29, ["browserstop"] = 0x1008ff28,
            ["browserhome"] = 0x1008ff18, ["browsersearch"] = 0x1008ff1b, ["browserfavorites"] = 0x1008ff30, ["launchmail"] = 0x1008ff19,
            ["launchmediaselect"] = 0x1008ff32, ["launchapp1"] = 0x1008ff40, ["launchapp2"] = 0x1008ff41, ["sleep"] = 0x1008ff2f,
            ["volumedown"] = 0x1008ff11, ["volumemute"] = 0x1008ff12, ["volumeup"] = 0x1008ff13,
            ["playpause"] = 0x1008ff14, ["nexttrack"] = 0x1008ff17, ["prevtrack"] = 0x1008ff16,
            ["kanji"] = 0xff21, ["nonconvert"] = 0xff22, ["convert"] = 0xff23, ["kana"] = 0xff2d, ["hanguel"] = 0xff31, ["hangul"] = 0xff31, ["hanja"] = 0xff34, ["yen"] = 0xa5,
        };
        for (uint number = 1; number <= 24; number++)
            keys[$"f{number}"] = 0xffbd + number;
        for (uint number = 0; number <= 9; number++)
            keys[$"num{number}"] = 0xffb0 + number;
        return keys.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }
}
