using System.Text;
using Weir.Retrieval.Collections.Ingest;
using Weir.Retrieval.Collections.Search;
using Weir.Retrieval.Collections.Storage;
using Weir.State;
using Weir.State.Memory;

namespace Weir.Tests.Retrieval.Collections;

public sealed class PackReaderTests : IAsyncDisposable
{
    private readonly MemoryStateStore _store = new(new StateOptions(), TimeProvider.System);
    private readonly string _pack = IBlobStore.NewId();

    public ValueTask DisposeAsync() => _store.DisposeAsync();

    [Fact]
    public async Task Read_WhatWasBuilt_IsWhatWentIn()
    {
        var (text, vectors, bytes) = Built();
        await using var reader = await ReaderOfAsync(bytes);
        (await reader.TextAsync(text with { Pack = _pack }, CancellationToken.None))!.Text.ShouldBe("alpha beta gamma");
        var read = (await reader.VectorsAsync(vectors with { Pack = _pack }, CancellationToken.None)).ShouldNotBeNull();
        (read.Chunks.Count, read.Dimensions, read[1].Span[2]).ShouldBe((2, 3, 6f));
    }

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"text":"a"}""")]
    [InlineData("""{"text":null,"markdown":false}""")]
    [InlineData("""{"text":"a","markdown":false,"metadata":[1]}""")]
    [InlineData("""{"text":"a","markdown":false""")]
    [InlineData("""{"text":"\ud800","markdown":false}""")]
    [InlineData("")]
    public async Task Text_ThatIsNone_IsNull(string json)
    {
        var bytes = Encoding.UTF8.GetBytes(json);
        await using var reader = await ReaderOfAsync(bytes);
        var read = await reader.TextAsync(new PackSlice(_pack, 0, bytes.Length), CancellationToken.None);
        // What is missing has its default, as long as there is a text.
        (read?.Text).ShouldBe(json == """{"text":"a"}""" ? "a" : null);
    }

    [Theory]
    [InlineData(-1, 4)]
    [InlineData(0, -1)]
    [InlineData(0, int.MaxValue)]
    [InlineData(long.MaxValue, 1)]
    [InlineData(1_000_000, 1)]
    public async Task Read_SliceOutsideOfThePack_IsNull(long offset, int length)
    {
        await using var reader = await ReaderOfAsync(Built().Bytes);
        (await reader.TextAsync(new PackSlice(_pack, offset, length), CancellationToken.None)).ShouldBeNull();
        (await reader.VectorsAsync(new PackSlice(_pack, offset, length), CancellationToken.None)).ShouldBeNull();
    }

    [Fact]
    public async Task Read_DamageOfAnyKind_ThrowsNothing()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var (text, vectors, whole) = Built();
        for (var round = 0; round < 3000; round++)
        {
            var bytes = whole.ToArray();
            for (var flips = random.Next(1, 5); flips > 0; flips--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var cut = random.Next(3) == 0 ? random.Next(bytes.Length) : bytes.Length;
            await using var reader = await ReaderOfAsync(bytes[..cut]);
            try
            {
                await reader.TextAsync(Moved(text), CancellationToken.None);
                if (await reader.VectorsAsync(Moved(vectors), CancellationToken.None) is { } read)
                    read.Values.Length.ShouldBe(read.Chunks.Count * read.Dimensions);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}, round {round}", e);
            }

            PackSlice Moved(PackSlice slice) => random.Next(4) == 0
                ? new PackSlice(_pack, slice.Offset + random.Next(-3, 4), slice.Length + random.Next(-3, 4))
                : slice with { Pack = _pack };
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Index_WithADamagedDocument_NamesItAndServesTheOthers(bool text)
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync();
        await host.IngestAsync(new NewDocument("whole", "alpha one"), new NewDocument("hurt", "alpha two"), new NewDocument("other", "alpha three"));
        var documents = host.StoredOf();
        var hurt = (await documents.ReadAsync(CollectionDocuments.Key("hurt"), CancellationToken.None)).ShouldNotBeNull();
        var (slice, shape) = (hurt.Value.Text, hurt.Value.Vectors);
        var damaged = text
            ? hurt.Value with { Text = slice with { Offset = slice.Offset + 1, Length = slice.Length - 1 } }
            : hurt.Value with { Vectors = shape with { Slice = shape.Slice with { Length = shape.Slice.Length - 3 } } };
        (await documents.CommitAsync([CollectionDocuments.Put(damaged, hurt.Version)], CancellationToken.None)).ShouldNotBeNull();

        // Another replica, which has never seen it whole.
        await using var other = await CollectionHost.StartAsync(host.Store);
        (await other.SearchAsync("alpha")).Select(hit => hit.DocumentId).ShouldBe(["whole", "other"], ignoreOrder: true);
        var view = (await other.Collections.GetAsync(other.Scope, "c", CancellationToken.None)).Value!;
        (view.State, view.Documents, view.Detail).ShouldBe(("degraded", 2, "1 documents cannot be read: send them again ('hurt')."));
        if (text)
            (await other.Documents.GetAsync(other.Scope, "c", "hurt", CancellationToken.None)).Error!.Code.ShouldBe("document_broken");

        // It follows on, and what is sent again is whole.
        await other.IngestAsync(new NewDocument("hurt", "alpha again"), new NewDocument("new", "alpha four"));
        (await other.SearchAsync("alpha")).Count.ShouldBe(4);
        (await other.Collections.GetAsync(other.Scope, "c", CancellationToken.None)).Value!.State.ShouldBe("ready");
    }

    [Fact]
    public async Task Search_Scores_ReadBackAsMinScore()
    {
        await using var host = await CollectionHost.StartAsync();
        await host.PutAsync();
        await host.IngestAsync([.. Enumerable.Range(0, 20).Select(i => new NewDocument($"d{i}", $"alpha {string.Join(' ', Enumerable.Range(0, i).Select(n => $"word{n}"))}"))]);
        foreach (var mode in Enum.GetValues<CollectionSearchMode>())
        {
            var hits = await host.SearchAsync("alpha word1", mode);
            foreach (var hit in hits)
            {
                var shown = System.Text.Json.JsonSerializer.Serialize(hit.Score);
                shown.Length.ShouldBeLessThan(14);
                var request = new CollectionSearchRequest { Query = "alpha word1", Mode = mode, MinScore = double.Parse(shown, System.Globalization.CultureInfo.InvariantCulture) };
                (await host.Collections.SearchAsync(host.Scope, "c", request, CollectionHost.Asker, TimeSpan.FromSeconds(30), CancellationToken.None)).Results
                    .Select(other => other.ChunkId).ShouldContain(hit.ChunkId, $"{mode} {shown}");
            }
        }
    }

    private static (PackSlice Text, PackSlice Vectors, byte[] Bytes) Built()
    {
        var pack = new PackBuilder();
        var text = pack.Add(new PackedText("alpha beta gamma", false, CollectionHost.Json("""{"a":"ä","b":[1,{"c":null}]}""")));
        var vectors = pack.Add([new PackedChunk(0, 5, "A"), new PackedChunk(6, 10, null)], [new float[] { 1, 2, 3 }, new float[] { 4, 5, 6 }]);
        return (text, vectors, pack.Bytes.ToArray());
    }

    private async Task<PackReader> ReaderOfAsync(byte[] bytes)
    {
        await _store.Blobs.RemoveAsync(_pack, CancellationToken.None);
        using var content = new MemoryStream(bytes);
        await _store.Blobs.WriteAsync(_pack, content, CancellationToken.None);
        return new PackReader(_store.Blobs);
    }
}
