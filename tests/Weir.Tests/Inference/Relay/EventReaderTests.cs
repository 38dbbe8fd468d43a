using System.Text;
using Weir.Inference.Relay;

namespace Weir.Tests.Inference.Relay;

public sealed class EventReaderTests
{
    private static List<(string Name, string Data)> Read(string text, int piece, int largest = 1024)
    {
        using var reader = new EventReader(largest);
        var events = new List<(string, string)>();
        var bytes = Encoding.UTF8.GetBytes(text);
        for (var at = 0; at < bytes.Length; at += piece)
        {
            var part = bytes.AsSpan(at, Math.Min(piece, bytes.Length - at));
            part.CopyTo(reader.GetMemory(part.Length).Span);
            reader.Advance(part.Length);
            while (reader.TryRead())
            {
                events.Add((Encoding.UTF8.GetString(reader.Name), Encoding.UTF8.GetString(reader.Data.Span)));
            }
        }

        return events;
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    public void TryRead_EventsOfEverySort_AreTakenApart(string newline)
    {
        var text = ": hello\n\nevent: a\ndata: 1\n\ndata:2\nid: 7\ndata: 3\n\nevent: nothing\n\n\n\ndata: 4\n\nevent: b\n: within\ndata:  5\n\ndata: never ended".Replace("\n", newline, StringComparison.Ordinal);
        for (var piece = 1; piece <= text.Length; piece++)
        {
            Read(text, piece).ShouldBe([("a", "1"), ("", "2\n3"), ("", "4"), ("b", " 5")], $"pieces of {piece}");
        }
    }

    [Fact]
    public void TryRead_LargeEventsAmongManySmallOnes_AreWhole()
    {
        var large = new string('x', 100_000);
        var text = string.Concat(Enumerable.Range(0, 50).Select(i => $"event: e{i}\ndata: {i}{(i % 7 == 0 ? large : "")}\n\n"));

        var events = Read(text, 4096, 200_000);

        events.ShouldBe([.. Enumerable.Range(0, 50).Select(i => ($"e{i}", $"{i}{(i % 7 == 0 ? large : "")}"))]);
    }

    [Fact]
    public void GetMemory_EventBeyondTheBound_IsRefused()
    {
        Should.Throw<InvalidDataException>(() => Read("data: " + new string('x', 5000), 100, largest: 1024));
        Read(string.Concat(Enumerable.Repeat(": keep-alive\n\n", 500)) + "data: 1\n\n", 100, largest: 1024).Count.ShouldBe(1);
    }
}
