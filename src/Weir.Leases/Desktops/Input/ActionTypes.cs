using System.Collections.Frozen;
using System.Text;

namespace Weir.Leases.Desktops.Input;

/// <summary>The actions that there are, in pyautogui's words, and how each is read.</summary>
internal static class ActionTypes
{
    private const double LongestWait = 10;
    private const double LongestMove = 10;
    private const int MostClicks = 10;
    private const int MostNotches = 1_000;
    private const int MostKeys = 100;

    /// <summary>A drag takes so long unless it says: programs do not see a drag in a pointer that jumps.</summary>
    private const double DragTime = 0.25;

    private static readonly (string Name, string[] Others, Func<ActionFields, DesktopAction> Read)[] Known =
    [
        ("click", [], fields => Click(fields, null, fields.Whole("clicks", 1, MostClicks))),
        ("doubleClick", [], fields => Click(fields, null, 2)),
        ("tripleClick", [], fields => Click(fields, null, 3)),
        ("rightClick", [], fields => Click(fields, PointerButton.Right, 1)),
        ("middleClick", [], fields => Click(fields, PointerButton.Middle, 1)),
        ("moveTo", ["move"], fields => new MoveAction(null, fields.Seconds("duration", LongestMove), null) { At = fields.Point(required: true) }),
        ("moveRel", ["moverelative"], fields => new MoveAction(fields.Point(required: true), fields.Seconds("duration", LongestMove), null)),
        ("dragTo", ["drag"], fields => new MoveAction(null, fields.Seconds("duration", LongestMove, DragTime), fields.Button()) { At = fields.Point(required: true) }),
        ("dragRel", ["dragrelative"], fields => new MoveAction(fields.Point(required: true), fields.Seconds("duration", LongestMove, DragTime), fields.Button())),
        ("mouseDown", [], fields => new ButtonAction(fields.Button(), true) { At = fields.Point(required: false) }),
        ("mouseUp", [], fields => new ButtonAction(fields.Button(), false) { At = fields.Point(required: false) }),
        ("scroll", ["vscroll"], fields => Scroll(fields, false)),
        ("hscroll", [], fields => Scroll(fields, true)),
        ("type", ["typewrite", "write"], Type),
        ("press", [], fields => new PressAction(Keys(fields), fields.Whole("presses", 1, MostKeys) ?? 1, fields.Seconds("interval", LongestWait))),
        ("hotkey", [], fields => new HotkeyAction(Keys(fields))),
        ("keyDown", [], fields => new KeyAction(Key(fields), true)),
        ("keyUp", [], fields => new KeyAction(Key(fields), false)),
        ("wait", ["sleep"], fields => new WaitAction(fields.Seconds("seconds", LongestWait, 1))),
        ("releaseAll", [], _ => new ReleaseAllAction()),
    ];

    private static readonly FrozenDictionary<string, Func<ActionFields, DesktopAction>> ByName = Known
        .SelectMany(type => type.Others.Append(Plain(type.Name)).Select(name => (name, type.Read)))
        .ToFrozenDictionary(entry => entry.name, entry => entry.Read, StringComparer.Ordinal);

    /// <summary>Every action's name, for people.</summary>
    public static string Names { get; } = string.Join(", ", Known.Select(type => type.Name));

    /// <summary>How an action is read. Null: there is none of that name.</summary>
    public static Func<ActionFields, DesktopAction>? Find(string name) => ByName.GetValueOrDefault(Plain(name));

    /// <summary>A name as it counts: the same in camelCase and in snake_case.</summary>
    public static string Plain(string name) => name.Replace("_", "", StringComparison.Ordinal).ToLowerInvariant();

    private static ClickAction Click(ActionFields fields, PointerButton? button, int? clicks)
    {
        var at = fields.Point(required: false);
        return new ClickAction(button ?? fields.Button(), clicks ?? 1, fields.Seconds("interval", LongestWait)) { At = at };
    }

    private static ScrollAction Scroll(ActionFields fields, bool isHorizontal)
    {
        var at = fields.Point(required: false);
        var (clicks, amount) = (fields.Whole("clicks", -MostNotches, MostNotches), fields.Whole("amount", -MostNotches, MostNotches));
        if (clicks is null == amount is null)
            fields.Fail("clicks", clicks is null ? "is missing: how many notches, up or right where positive." : "and 'amount' are the same: give one.");
        return new ScrollAction(clicks ?? amount ?? 0, isHorizontal) { At = at };
    }

    private static TypeAction Type(ActionFields fields)
    {
        var text = fields.Text("text", "message");
        if (text is null)
            fields.Fail("text", "is missing: what is to be typed.");
        List<Rune> runes = [];
        foreach (var rune in (text ?? "").Replace("\r\n", "\n", StringComparison.Ordinal).EnumerateRunes())
        {
            if (KeyNames.Of(rune) is null)
                fields.Fail("text", $"holds U+{rune.Value:X4}, which no key types.");
            runes.Add(rune);
        }

        return new TypeAction(runes, fields.Seconds("interval", LongestWait));
    }

    private static List<uint> Keys(ActionFields fields)
    {
        var names = fields.Texts("keys", "key");
        if (names is null)
            fields.Fail("keys", "is missing: the name of a key, or a list of them.");
        else if (names.Count > MostKeys)
            fields.Fail("keys", $"are too many: at most {MostKeys}.");
        return [.. (names ?? []).Select((name, index) => Keysym(fields, "keys", name))];
    }

    private static uint Key(ActionFields fields)
    {
        var name = fields.Text("key");
        if (name is null)
            fields.Fail("key", "is missing: the name of a key.");
        return name is null ? 0 : Keysym(fields, "key", name);
    }

    private static uint Keysym(ActionFields fields, string field, string name)
    {
        if (KeyNames.Find(name) is { } keysym)
            return keysym;
        var shown = name.Length > 40 ? name[..40] + "…" : name;
        fields.Fail(field, name.Contains('+', StringComparison.Ordinal) && name.Length > 1
            ? $"has no '{shown}': keys that are held together are a hotkey, {{\"type\":\"hotkey\",\"keys\":[\"ctrl\",\"c\"]}}."
            : $"has no '{shown}': a key is one character, or one of {string.Join(", ", KeyNames.All)}.");
        return 0;
    }
}
