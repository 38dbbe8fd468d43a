using System.Text;
using Weir.Retrieval.Collections;
using Weir.Retrieval.Collections.Ingest;

namespace Weir.Tests.Retrieval.Collections;

public sealed class DocumentReadersTests
{
    private readonly DocumentReaders _readers = new(new CollectionLimits { TextBytes = 64, MetadataBytes = 40, LineBytes = 200 });

    [Theory]
    [InlineData("""[{"id":"a","text":"x"},7]""", "invalid_document", "[1]")]
    [InlineData("""[{"text":"x"}]""", "invalid_document", "[0].id")]
    [InlineData("""[{"id":7,"text":"x"}]""", "invalid_document", "[0].id")]
    [InlineData("""[{"id":"a"}]""", "invalid_document", "[0].text")]
    [InlineData("""[{"id":"a","text":null}]""", "invalid_document", "[0].text")]
    [InlineData("""[{"id":"a","text":" \n\t "}]""", "empty_text", "[0].text")]
    [InlineData("""[{"id":"a","text":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}]""", "text_too_large", "64")]
    [InlineData("""[{"id":"a","text":"x","metadata":[1]}]""", "invalid_metadata", "[0].metadata")]
    [InlineData("""[{"id":"a","text":"x","metadata":{"k":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}]""", "metadata_too_large", "40")]
    [InlineData("""[{"id":"a","text":"\ud800"}]""", "invalid_utf8", "[0]")]
    [InlineData("""[{"id":"a","text":"x","metadata":{"k":"\ud800"}}]""", "invalid_utf8", "metadata")]
    [InlineData("""[{"id":"a","text":"x","titel":"y"}]""", "unknown_field", "[0].titel")]
    [InlineData("""{"id":"","text":"x"}""", "invalid_document", "$.id")]
    public async Task Json_BadItem_FailsAloneWithItsPlace(string body, string code, string place)
    {
        var (items, error) = await _readers.JsonAsync(Bytes(body), CancellationToken.None);
        error.ShouldBeNull();
        items[^1].Failure!.Code.ShouldBe(code);
        items[^1].Failure!.Message.ShouldContain(place);
        items.SkipLast(1).ShouldAllBe(item => item.Document != null);
    }

    [Theory]
    [InlineData("", "line 1")]
    [InlineData("""[{"id":"a",}]""", "line 1")]
    [InlineData("\"text\"", "list of documents")]
    [InlineData("""[{"id":"a","text":"x"}""", "line 1")]
    public async Task Json_BadBody_IsRefusedWhole(string body, string part)
    {
        var (items, error) = await _readers.JsonAsync(Bytes(body), CancellationToken.None);
        items.ShouldBeEmpty();
        error!.Status.ShouldBe(400);
        error.Message.ShouldContain(part);
    }

    [Fact]
    public async Task Json_InvalidUtf8_NamesTheByte()
    {
        var (_, error) = await _readers.JsonAsync(new MemoryStream([.. "[{\"id\":\"a"u8, 0xC3, 0x28, .. "\"}]"u8]), CancellationToken.None);
        error!.Message.ShouldContain("byte 9");
        var (_, text) = await _readers.TextAsync(new MemoryStream([0x61, 0xFF]), false, null, null, CancellationToken.None);
        text!.Message.ShouldContain("byte 1");
    }

    [Fact]
    public async Task Lines_GoodAndBad_EachToldByItsLine()
    {
        var body = new MemoryStream([
            .. "\uFEFF"u8, .. "{\"id\":\"a\",\"text\":\"one\"}\r\n\n"u8, .. "{nope\n"u8, .. "{\"id\":\"b\",\"text\":\""u8, 0xFF, .. "\"}\n"u8,
            .. Encoding.UTF8.GetBytes($$"""{"id":"c","text":"{{new string('y', 300)}}"}"""), (byte)'\n', .. "{\"id\":\"d\",\"text\":\"two\"}"u8]);
        var items = await _readers.LinesAsync(new Trickle(body), CancellationToken.None).ToListAsync();
        items.Select(item => item.Document?.Id ?? $"{item.Failure!.Line}:{item.Failure.Code}").ShouldBe(["a", "3:malformed", "4:invalid_utf8", "5:line_too_long", "d"]);
        items[^1].Line.ShouldBe(6);
    }

    [Fact]
    public async Task Lines_VeryLongLine_IsPassedOverWithoutBeingHeld()
    {
        var body = new MemoryStream([.. Enumerable.Repeat((byte)'z', 1 << 20), (byte)'\n', .. "{\"id\":\"d\",\"text\":\"two\"}\n"u8]);
        var items = await _readers.LinesAsync(body, CancellationToken.None).ToListAsync();
        items.Count.ShouldBe(2);
        (items[0].Failure!.Code, items[0].Failure!.Line, items[1].Document!.Id).ShouldBe(("line_too_long", 1, "d"));
    }

    [Fact]
    public async Task Text_WithoutId_GetsOneOfItsContent()
    {
        var (one, _) = await _readers.TextAsync(Bytes("hello"), false, null, null, CancellationToken.None);
        var (again, _) = await _readers.TextAsync(Bytes("hello"), true, null, null, CancellationToken.None);
        one!.Document!.Id.ShouldBe(again!.Document!.Id);
        (await _readers.TextAsync(Bytes(new string('x', 100)), false, null, null, CancellationToken.None)).Error!.Status.ShouldBe(413);
        (await _readers.TextAsync(Bytes(""), false, "a", null, CancellationToken.None)).Item!.Failure!.Code.ShouldBe("empty_text");
    }

    private static MemoryStream Bytes(string text) => new(Encoding.UTF8.GetBytes(text));

    /// <summary>Gives one byte at a time.</summary>
    private sealed class Trickle(Stream inner) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer[..1], cancellationToken);

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, 1);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
