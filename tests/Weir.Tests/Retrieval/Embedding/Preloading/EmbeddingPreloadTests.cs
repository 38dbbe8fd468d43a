using Weir.Retrieval.Embedding;
using Weir.Retrieval.Embedding.Preloading;
using Weir.Tests.Retrieval.Embedding.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Embedding.Preloading;

public sealed class EmbeddingPreloadTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("weir-preload-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Apply_OfFilesAndCatalogs_EmbedsThemAndSaysWhatIsWrongWithEach()
    {
        Write("a.txt", "one\ntwo\r\n\n" + new string('x', PreloadFiles.MostChars + 1) + "\nthree");
        Write("deep/er/b.jsonl", "\"four\"\n{\"text\": \"five\", \"model\": \"r\"}\n\n{\"no\": 1}\nnot json\n{\"text\":\"six\"}\n");
        Write("poison.txt", "seven\npoison\neight\n");
        Write("other.md", "not matched");
        await using var harness = Start(out var source);
        harness.Service.Apply(ServiceHarness.Usual with
        {
            Preload = [Path.Combine(_folder.FullName, "*.txt"), Path.Combine(_folder.FullName, "**/*.jsonl"), Path.Combine(_folder.FullName, "missing/*.txt"), "catalog:tools"],
        });
        await Eventually.TrueAsync(() => !harness.Service.Snapshot().Preload.Running);

        var progress = harness.Service.Snapshot().Preload;
        progress.Sources.Select(file => (Path.GetFileName(file.Name), file.Total, file.Done, file.Failed)).ShouldBe(
            [("a.txt", 4, 3, 1), ("poison.txt", 3, 2, 1), ("b.jsonl", 5, 3, 2), ("*.txt", 0, 0, 0), ("catalog:tools", 2, 2, 0)]);
        progress.Sources[0].Error.ShouldStartWith("line 4 has more than");
        progress.Sources[2].Error.ShouldBe("line 4 is neither a JSON string nor an object with text");
        progress.Sources[3].Error.ShouldBe("No file matches.");
        (progress.Total, progress.Done, progress.Failed).ShouldBe((14, 10, 4));
        (await harness.EmbedAsync("m", "one", "two", "three", "four", "six", "seven", "eight", "tool a", "tool b")).Hits.ShouldBe(9);
        (await harness.EmbedAsync("r", "five")).Hits.ShouldBe(1);
        harness.Route.Asked.Single().Asker.ShouldSatisfyAllConditions(a => a.IsBackground.ShouldBeTrue(), a => a.Client.ShouldBe("preload"));
        source.Asked.ShouldBe(1);
    }

    [Fact]
    public async Task Apply_OfTheSameList_DoesNotBeginAgainAndOfAnotherDoes()
    {
        Write("a.txt", "one");
        await using var harness = Start(out var source);
        var options = ServiceHarness.Usual with { Preload = ["catalog:tools"] };
        harness.Service.Apply(options);
        harness.Service.Apply(options with { UnloadIdle = TimeSpan.FromHours(1) });
        await Eventually.TrueAsync(() => !harness.Service.Snapshot().Preload.Running);
        source.Asked.ShouldBe(1);
        harness.Service.Apply(options with { Preload = [Path.Combine(_folder.FullName, "a.txt")] });
        await Eventually.TrueAsync(() => harness.Service.Snapshot().Preload is { Running: false, Done: 1, Sources.Count: 1 });
    }

    [Fact]
    public async Task Apply_BusyProvider_WaitsAndTriesAgain()
    {
        var time = new ManualTimeProvider();
        Write("a.txt", "one");
        await using var harness = Start(out _, time, new() { ["default"] = new() { Kind = EmbeddingModelKind.Route, Route = "provider/model" } });
        var asked = 0;
        harness.Route.Error = _ => Interlocked.Increment(ref asked) == 1 ? new(429, "rate_limited", "later") { RetryAfter = TimeSpan.FromMinutes(2) } : null;
        harness.Service.Apply(harness.Options with { Preload = [Path.Combine(_folder.FullName, "a.txt")] });
        await harness.Route.Begun.WaitAsync();
        await Eventually.TrueAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(10));
            return harness.Service.Snapshot().Preload.Done == 1;
        });
        harness.Route.Calls.ShouldBe(2);
    }

    [Fact]
    public async Task Apply_NoSuchCatalog_SaysSoAndHoldsUpNothingElse()
    {
        var time = new ManualTimeProvider();
        Write("a.txt", "one");
        await using var harness = Start(out var source, time);
        harness.Service.Apply(ServiceHarness.Usual with { Preload = ["catalog:none", Path.Combine(_folder.FullName, "a.txt")] });
        await Eventually.TrueAsync(() => harness.Service.Snapshot().Preload.Done == 1);

        var first = harness.Service.Snapshot().Preload.Sources[0];
        (first.Name, first.Total, first.Error).ShouldBe(("catalog:none", 0, "There is no catalog 'none'."));

        source.Name = "none";
        await Eventually.TrueAsync(() =>
        {
            time.Advance(EmbeddingPreload.Pause);
            return !harness.Service.Snapshot().Preload.Running;
        });
        first = harness.Service.Snapshot().Preload.Sources[0];
        (first.Done, first.Failed, first.Error).ShouldBe((2, 0, null));
    }

    [Fact]
    public async Task Apply_CatalogThatNeverComes_EndsWithTheError()
    {
        var time = new ManualTimeProvider();
        await using var harness = Start(out _, time);
        harness.Service.Apply(ServiceHarness.Usual with { Preload = ["catalog:none"] });
        await Eventually.TrueAsync(() =>
        {
            time.Advance(EmbeddingPreload.Pause);
            return !harness.Service.Snapshot().Preload.Running;
        });
        harness.Service.Snapshot().Preload.Sources.Single().Error.ShouldBe("There is no catalog 'none'.");
    }

    [Fact]
    public async Task Apply_EmptyText_CountsAsFailed()
    {
        Write("a.jsonl", "{\"text\": \"\"}\n\"\"\n\"one\"\n");
        await using var harness = Start(out _);
        harness.Service.Apply(ServiceHarness.Usual with { Preload = [Path.Combine(_folder.FullName, "a.jsonl")] });
        await Eventually.TrueAsync(() => !harness.Service.Snapshot().Preload.Running);

        harness.Service.Snapshot().Preload.Sources.Single().ShouldSatisfyAllConditions(
            file => (file.Total, file.Done, file.Failed).ShouldBe((3, 1, 2)), file => file.Error.ShouldBe("line 1 has an empty text"));
    }

    private static ServiceHarness Start(out Tools source, ManualTimeProvider? time = null, Dictionary<string, EmbeddingModelOptions>? models = null)
    {
        var tools = source = new Tools();
        return new ServiceHarness(time: time, sources: [tools], options: models is null ? null : ServiceHarness.Usual with { Models = models });
    }

    private void Write(string name, string text)
    {
        var path = Path.Combine(_folder.FullName, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }

    private sealed class Tools : IPreloadSource
    {
        public int Asked { get; private set; }

        public string Scheme => "catalog";

        public string Name { get; set; } = "tools";

        public ValueTask<IAsyncEnumerable<PreloadText>?> FindAsync(string name, CancellationToken cancellationToken)
        {
            Asked++;
            return new(name == Name ? new[] { new PreloadText("tool a"), new PreloadText("tool b") }.ToAsyncEnumerable() : null);
        }
    }
}
