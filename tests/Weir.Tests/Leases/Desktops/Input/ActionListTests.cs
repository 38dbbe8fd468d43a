using System.Text;
using System.Text.Json;
using Weir.Leases.Desktops;
using Weir.Leases.Desktops.Input;
using Weir.Leases.Desktops.Screens;

namespace Weir.Tests.Leases.Desktops.Input;

public sealed class ActionListTests
{
    private static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;

    private static LeaseErrorOr Read(string json) => new(ActionList.Read(Json(json)));

    private readonly record struct LeaseErrorOr(Weir.Leases.Kinds.KindResult<ActionList> Result)
    {
        public DesktopAction Only => Result.Value.Actions.ShouldHaveSingleItem();

        public string Fault => Result.Error.ShouldNotBeNull().Message;
    }

    [Theory]
    [InlineData("""{"type":"click"}""", PointerButton.Left, 1, null)]
    [InlineData("""{"type":"click","x":3,"y":4.0,"button":"RIGHT","clicks":2}""", PointerButton.Right, 2, 3)]
    [InlineData("""{"type":"doubleClick"}""", PointerButton.Left, 2, null)]
    [InlineData("""{"type":"double_click","x":3,"y":4}""", PointerButton.Left, 2, 3)]
    [InlineData("""{"type":"tripleClick","button":"middle"}""", PointerButton.Middle, 3, null)]
    [InlineData("""{"type":"right_click","x":3,"y":4}""", PointerButton.Right, 1, 3)]
    [InlineData("""{"type":"middleClick"}""", PointerButton.Middle, 1, null)]
    public void Read_Clicks_AreWhatTheySay(string json, object button, int clicks, int? x)
    {
        var click = Read(json).Only.ShouldBeOfType<ClickAction>();
        (click.Button, click.Clicks, click.At?.X).ShouldBe(((PointerButton)button, clicks, x));
    }

    [Theory]
    [InlineData("""{"type":"moveTo","x":1,"y":2}""", 0.0, null)]
    [InlineData("""{"type":"move","x":1,"y":2,"duration":0.5}""", 0.5, null)]
    [InlineData("""{"type":"move_to","x":1,"y":2}""", 0.0, null)]
    [InlineData("""{"type":"dragTo","x":1,"y":2}""", 0.25, PointerButton.Left)]
    [InlineData("""{"type":"drag","x":1,"y":2,"button":"right","duration":1}""", 1.0, PointerButton.Right)]
    public void Read_Moves_AreWhatTheySay(string json, double seconds, object? drag)
    {
        var move = Read(json).Only.ShouldBeOfType<MoveAction>();
        (move.At, move.Duration.TotalSeconds, move.Drag).ShouldBe((new ScreenPoint(1, 2), seconds, (PointerButton?)drag));
    }

    [Theory]
    [InlineData("""{"type":"scroll","clicks":-3}""", -3, false)]
    [InlineData("""{"type":"scroll","amount":3,"x":1,"y":1}""", 3, false)]
    [InlineData("""{"type":"hscroll","clicks":2}""", 2, true)]
    public void Read_Scrolls_AreWhatTheySay(string json, int notches, bool isHorizontal) =>
        Read(json).Only.ShouldBeOfType<ScrollAction>().ShouldSatisfyAllConditions(scroll => scroll.Notches.ShouldBe(notches), scroll => scroll.IsHorizontal.ShouldBe(isHorizontal));

    [Theory]
    [InlineData("type", "text")]
    [InlineData("typewrite", "message")]
    [InlineData("write", "text")]
    public void Read_Typing_TakesAnyText(string type, string field) =>
        Read(JsonSerializer.Serialize(new Dictionary<string, string> { ["type"] = type, [field] = "a\r\n😀\té" })).Only
            .ShouldBeOfType<TypeAction>().Text.ShouldBe("a\n😀\té".EnumerateRunes());

    [Fact]
    public void Read_KeysAndWaits_AreWhatTheySay()
    {
        Read("""{"type":"press","key":"Enter","presses":3,"interval":0.1}""").Only.ShouldBeOfType<PressAction>().ShouldSatisfyAllConditions(
            press => press.Keysyms.ShouldBe([KeyNames.Return]), press => press.Presses.ShouldBe(3), press => press.Lasts.TotalSeconds.ShouldBe(0.3, 0.001));
        Read("""{"type":"hotkey","keys":["ctrl","shift","T"]}""").Only.ShouldBeOfType<HotkeyAction>().Keysyms.ShouldBe([0xffe3u, 0xffe1u, 'T']);
        Read("""{"type":"keyDown","key":"é"}""").Only.ShouldBe(new KeyAction(0xe9, true));
        Read("""{"type":"key_up","key":"win"}""").Only.ShouldBe(new KeyAction(0xffeb, false));
        Read("""{"type":"sleep","seconds":0.5}""").Only.ShouldBe(new WaitAction(TimeSpan.FromSeconds(0.5)));
        Read("""{"type":"mouseDown","button":"right"}""").Only.ShouldBe(new ButtonAction(PointerButton.Right, true));
        Read("""{"type":"release_all"}""").Only.ShouldBe(new ReleaseAllAction());
        Read("""{"actions":[{"type":"wait"}]}""").Only.ShouldBe(new WaitAction(TimeSpan.FromSeconds(1)));
        Read("[]").Result.Value.Actions.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("5", "list")]
    [InlineData("[5]", "actions[0] must be an object")]
    [InlineData("""[{"x":1}]""", "'type'")]
    [InlineData("""[{"type":"wait"},{"type":"jump"}]""", "actions[1].type is no action: 'jump'. There are click, doubleClick,")]
    [InlineData("""[{"type":"click","x":1.5,"y":2}]""", "actions[0].x must be a whole number")]
    [InlineData("""[{"type":"click","x":1}]""", "actions[0].y is missing")]
    [InlineData("""[{"type":"click","y":1}]""", "actions[0].x is missing")]
    [InlineData("""[{"type":"move"}]""", "actions[0].x is missing")]
    [InlineData("""[{"type":"click","x":1e9,"y":1}]""", "out of range")]
    [InlineData("""[{"type":"click","x":1,"y":1,"to":3}]""", "is none of what 'click' takes: clicks, x, y, button, interval")]
    [InlineData("""[{"type":"click","x":1,"X":1,"y":1}]""", "given twice")]
    [InlineData("""[{"type":"click","button":"side"}]""", "left, middle or right")]
    [InlineData("""[{"type":"click","clicks":11}]""", "from 1 to 10")]
    [InlineData("""[{"type":"scroll"}]""", "clicks is missing")]
    [InlineData("""[{"type":"scroll","clicks":1,"amount":2}]""", "give one")]
    [InlineData("""[{"type":"type"}]""", "text is missing")]
    [InlineData("""[{"type":"type","text":5}]""", "must be a string")]
    [InlineData("""[{"type":"type","text":"a\u0000b"}]""", "U+0000")]
    [InlineData("""[{"type":"type","text":"\ud83d"}]""", "whole characters")]
    [InlineData("""[{"type":"press"}]""", "keys is missing")]
    [InlineData("""[{"type":"press","keys":[]}]""", "name of a key")]
    [InlineData("""[{"type":"press","keys":["enter","nokey"]}]""", "has no 'nokey'")]
    [InlineData("""[{"type":"press","key":"ctrl+c"}]""", "hotkey")]
    [InlineData("""[{"type":"keyDown"}]""", "key is missing")]
    [InlineData("""[{"type":"wait","seconds":11}]""", "from 0 to 10")]
    [InlineData("""[{"type":"wait","seconds":-1}]""", "from 0 to 10")]
    [InlineData("""[{"type":"type","text":"ab","interval":"fast"}]""", "number of seconds")]
    public void Read_WhatIsWrong_IsSaidWithItsPlace(string json, string message)
    {
        var read = Read(json);
        read.Fault.ShouldContain(message);
        read.Result.Error!.Status.ShouldBe(422);
    }

    [Fact]
    public void Read_TooMuch_IsRefusedWithTheBound()
    {
        Read($"[{string.Join(',', Enumerable.Repeat("""{"type":"wait","seconds":0}""", 1_001))}]").Fault.ShouldContain("1000");
        Read($"[{string.Join(',', Enumerable.Repeat("""{"type":"wait","seconds":10}""", 7))}]").Fault.ShouldContain("60 s");
        Read($$"""{"type":"type","text":"{{new string('a', 10_001)}}"}""").Fault.ShouldContain("at most 10000");
        Read("""{"type":"type","text":"abcdefgh","interval":10}""").Fault.ShouldContain("80 s");
    }

    [Theory]
    [InlineData(0, 0, true)]
    [InlineData(639, 479, true)]
    [InlineData(640, 0, false)]
    [InlineData(0, 480, false)]
    [InlineData(-1, 0, false)]
    public void OutsideOf_APoint_IsToldWithTheSize(int x, int y, bool isOn)
    {
        var fault = Read($$"""{"type":"click","x":{{x}},"y":{{y}}}""").Result.Value.OutsideOf(new ScreenSize(640, 480));
        (fault is null).ShouldBe(isOn);
        fault?.Message.ShouldContain("640x480");
    }

    [Theory]
    [InlineData("enter", 0xff0du)]
    [InlineData("RETURN", 0xff0du)]
    [InlineData("esc", 0xff1bu)]
    [InlineData("ctrlleft", 0xffe3u)]
    [InlineData("pageup", 0xff55u)]
    [InlineData("f1", 0xffbeu)]
    [InlineData("f24", 0xffd5u)]
    [InlineData("num0", 0xffb0u)]
    [InlineData("command", 0xffebu)]
    [InlineData("a", 0x61u)]
    [InlineData("A", 0x41u)]
    [InlineData(" ", 0x20u)]
    [InlineData("\n", 0xff0du)]
    [InlineData("中", 0x01004e2du)]
    [InlineData("😀", 0x0101f600u)]
    [InlineData("f25", null)]
    [InlineData("", null)]
    [InlineData("ab", null)]
    public void Find_AKey_IsItsKeysym(string name, uint? keysym) => KeyNames.Find(name).ShouldBe(keysym);

    [Fact]
    public void Of_EveryCharacter_IsAKeysymOfItsOwn()
    {
        HashSet<uint> seen = [];
        for (var value = 0x20; value <= 0x10ffff; value++)
        {
            if (!Rune.IsValid(value) || value is >= 0x7f and < 0xa0)
                continue;
            seen.Add(KeyNames.Of(new Rune(value))!.Value).ShouldBeTrue();
        }
    }

    [Fact]
    public void Tools_Calls_AreActionsThatCanBeRead()
    {
        DesktopTools.All.Select(tool => tool.Name).ShouldBe(["screenshot", "click", "move", "type", "press", "hotkey", "scroll", "drag"]);
        DesktopTools.All.Where(tool => tool.IsReadOnly).ShouldHaveSingleItem().Name.ShouldBe("screenshot");
        (string Tool, string Arguments)[] calls =
        [
            ("click", """{"x":1,"y":2,"button":"right","clicks":2}"""), ("move", """{"x":1,"y":2,"duration":0.1}"""), ("type", """{"text":"hi","type":"click"}"""),
            ("press", """{"keys":["enter"],"presses":2}"""), ("hotkey", """{"keys":["ctrl","c"]}"""), ("scroll", """{"clicks":-2,"x":1,"y":2}"""), ("drag", """{"x":1,"y":2,"button":"left","duration":0.5}"""),
        ];
        foreach (var (name, arguments) in calls)
        {
            var tool = DesktopTools.All.Single(tool => tool.Name == name);
            var call = tool.Call(Json(arguments));
            (call.Verb, call.Method).ShouldBe(("actions", "POST"));
            ActionList.Read(call.Body!.Value).Error.ShouldBeNull();
            var properties = tool.Schema.GetProperty("properties").EnumerateObject().Select(property => property.Name).ToList();
            tool.Schema.GetProperty("required").EnumerateArray().Select(required => required.GetString()!).ShouldBeSubsetOf(properties);
            tool.Schema.GetProperty("additionalProperties").GetBoolean().ShouldBeFalse();
        }
    }
}
