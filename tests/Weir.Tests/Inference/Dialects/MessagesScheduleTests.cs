using System.Text.Json.Nodes;
using Weir.Tests.Flow;
using static Weir.Tests.Inference.Dialects.MessagesTranslating;

namespace Weir.Tests.Inference.Dialects;

/// <summary>However a chat cuts and mixes its text, its reasoning and its calls, nothing is lost and no two blocks are open at once.</summary>
public sealed class MessagesScheduleTests
{
    private static readonly string[] Words = ["rain ", "wind", "\n", "\"quoted\" ", "{curly}", "schön ", "😀", "\\", "", "\u0001"];

    [Fact]
    public void Stream_RandomInterleavings_KeepEveryText() => RandomSchedule.Run(2000, random =>
    {
        var calls = Enumerable.Range(0, random.Next(0, 5)).Select(index => new Source(index, Arguments(random))).ToList();
        var (text, reasoning) = ("", "");
        var chunks = new List<string>();
        while (calls.Exists(call => call.Left > 0) || random.Next(4) > 0)
        {
            var pieces = new JsonArray();
            var delta = new JsonObject();
            switch (random.Next(calls.Count > 0 ? 4 : 2))
            {
                case 0:
                    var said = Words[random.Next(Words.Length)];
                    text += said;
                    delta["content"] = said;
                    break;
                case 1:
                    var thought = Words[random.Next(Words.Length)];
                    reasoning += thought;
                    delta[random.Next(2) == 0 ? "reasoning_content" : "reasoning"] = thought;
                    break;
                default:
                    for (var count = random.Next(1, 4); count > 0; count--)
                        pieces.Add(calls[random.Next(calls.Count)].Next(random));
                    delta["tool_calls"] = pieces;
                    break;
            }

            chunks.Add(new JsonObject { ["id"] = "chatcmpl-1", ["choices"] = new JsonArray(new JsonObject { ["index"] = 0, ["delta"] = delta }) }.ToJsonString());
        }

        var message = Stream(chunks);

        var content = message["content"]!.AsArray().Select(block => block!.AsObject()).ToList();
        string.Concat(content.Where(block => (string)block["type"]! == "text").Select(block => (string)block["text"]!)).ShouldBe(text);
        string.Concat(content.Where(block => (string)block["type"]! == "thinking").Select(block => (string)block["thinking"]!)).ShouldBe(reasoning);
        var used = content.Where(block => (string)block["type"]! == "tool_use").ToDictionary(block => (string)block["id"]!);
        used.Count.ShouldBe(calls.Count(call => call.Begun));
        foreach (var call in calls.Where(call => call.Begun))
        {
            ((string)used[call.Id]["name"]!).ShouldBe(call.Name);
            JsonNode.DeepEquals(used[call.Id]["input"], JsonNode.Parse(call.Text.Length == 0 ? "{}" : call.Text)).ShouldBeTrue(used[call.Id].ToJsonString());
        }

        ((string)message["stop_reason"]!).ShouldBe(used.Count > 0 ? "tool_use" : "end_turn");
    });

    private static string Arguments(Random random)
    {
        if (random.Next(5) == 0)
            return "";
        var arguments = new JsonObject();
        for (var count = random.Next(4); count > 0; count--)
            arguments["key" + count] = random.Next(3) == 0 ? new JsonArray(count, "]}") : Words[random.Next(Words.Length)];
        return arguments.ToJsonString();
    }

    /// <summary>One call, given out in pieces.</summary>
    private sealed class Source(int index, string arguments)
    {
        private int _given;

        public string Id => "call_" + index;

        public string Name => "tool_" + index;

        public string Text => arguments;

        public bool Begun { get; private set; }

        public int Left => arguments.Length - _given + (Begun ? 0 : 1);

        public JsonObject Next(Random random)
        {
            var length = random.Next(0, Math.Min(8, arguments.Length - _given) + 1);
            var function = new JsonObject { ["arguments"] = arguments.Substring(_given, length) };
            var piece = new JsonObject { ["index"] = index, ["function"] = function };
            if (!Begun || random.Next(8) == 0)
            {
                piece["id"] = Id;
                function["name"] = Name;
            }

            (Begun, _given) = (true, _given + length);
            return piece;
        }
    }
}
