using Microsoft.Extensions.Logging.Abstractions;
using Weir.Retrieval.Catalogs;
using Weir.Retrieval.Catalogs.Serving;
using Weir.State;
using Weir.State.Configured;
using Weir.Tests.Retrieval.Catalogs.Support;
using Weir.Tests.Support;

namespace Weir.Tests.Retrieval.Catalogs.Serving;

public sealed class CatalogDriftTests : IAsyncLifetime
{
    private static readonly McpSourceOptions Files = new() { Name = "files", Command = "files-server", Args = ["--root", "/srv"], Env = new Dictionary<string, string> { ["TOKEN"] = "sesame" } };
    private readonly CatalogHarness _harness = new();
    private readonly ConfiguredCatalogs _configured;
    private readonly CatalogDrift _drift;
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"weir-drift-{Guid.NewGuid():N}.json");

    public CatalogDriftTests()
    {
        var limits = new CatalogLimits();
        _configured = new ConfiguredCatalogs(_harness.Writer, _harness.Directory, _harness.Documents, limits, TimeProvider.System, NullLogger<ConfiguredCatalogs>.Instance);
        _drift = new CatalogDrift(_configured, _harness.Directory, limits);
    }

    // Without its sources: no server is started here.
    public async ValueTask InitializeAsync()
    {
        await Should.ThrowAsync<StoreUnavailableException>(async () => await _drift.CompareAsync(CancellationToken.None));
        await _harness.Directory.StartAsync(CancellationToken.None);
        await _harness.Directory.Known;
    }

    public async ValueTask DisposeAsync()
    {
        _configured.Dispose();
        await _harness.DisposeAsync();
        File.Delete(_file);
    }

    [Fact]
    public async Task Compare_NothingStored_IsMissingAndOthersAreUnnamed()
    {
        await _harness.PutAsync(CatalogHarness.Admin, "old", CatalogHarness.Tools("a") with { Global = true });
        await _harness.PutAsync(CatalogHarness.Alice, "own", CatalogHarness.Tools("a"));
        Configure("tools", new CatalogOptions());

        (await CompareAsync()).ShouldBe([("old", DriftState.Unnamed, ""), ("tools", DriftState.Missing, "")]);
    }

    [Fact]
    public async Task Compare_SettingsStoredOtherwise_TellsEach()
    {
        await _harness.PutAsync(CatalogHarness.Admin, "tools", CatalogHarness.Tools("a") with { Global = true });
        Configure("tools", new CatalogOptions { EmbeddingModel = "other", Weights = new() { Description = 1, Parameters = 0.25, Functionality = 0 } });

        (await CompareAsync()).ShouldBe([(
            "tools", DriftState.Differs,
            "embedding_model is default, configured is other; weights.description is 0.4, configured is 1; weights.parameters is 0.3, configured is 0.25; weights.functionality is 0.3, configured is 0")]);
    }

    [Fact]
    public async Task Compare_ConfigurationWithoutTools_LeavesThemAlone()
    {
        await _harness.PutAsync(CatalogHarness.Admin, "tools", CatalogHarness.Tools("a", "b") with { Global = true });
        Configure("tools", new CatalogOptions());

        (await _drift.OverwriteAsync("tools", CancellationToken.None)).ShouldBeNull();

        (await CompareAsync()).ShouldBe([("tools", DriftState.None, "")]);
        (await _harness.Catalogs.FindAsync(CatalogHarness.Admin, "tools")).View!.Tools.ShouldBe(2);
    }

    [Fact]
    public async Task Overwrite_FileOfTools_FollowsTheFile()
    {
        await File.WriteAllTextAsync(_file, """[{"name": "a", "description": "One."}]""");
        Configure("tools", new CatalogOptions { Load = _file });
        (await _drift.OverwriteAsync("tools", CancellationToken.None)).ShouldBeNull();
        (await CompareAsync()).ShouldBe([("tools", DriftState.None, "")]);

        await File.WriteAllTextAsync(_file, """[{"name": "a", "description": "One."}, {"name": "b", "description": "Two."}]""");
        (await CompareAsync()).ShouldBe([("tools", DriftState.Differs, "the tools are others than the file's: 1 are stored, 2 in the file")]);
        (await _drift.OverwriteAsync("tools", CancellationToken.None)).ShouldBeNull();
        (await CompareAsync()).ShouldBe([("tools", DriftState.None, "")]);

        await File.WriteAllTextAsync(_file, "[{");
        (await CompareAsync()).Single().Item3.ShouldStartWith("the file of tools cannot be taken: it is not JSON");
        (await _drift.OverwriteAsync("tools", CancellationToken.None)).ShouldNotBeNull().ShouldContain("not JSON");
        File.Delete(_file);
        (await CompareAsync()).ShouldBe([("tools", DriftState.Differs, "the file of tools cannot be taken: there is no such file")]);
        (await _harness.Catalogs.FindAsync(CatalogHarness.Admin, "tools")).View!.Tools.ShouldBe(2, "a broken file takes nothing away");
    }

    [Fact]
    public async Task Compare_ServersStoredOtherwise_NamesWhatDiffersAndNoValue()
    {
        await _harness.PutAsync(CatalogHarness.Admin, "tools", new CatalogChange { Global = true, Mcp = [Files] });
        Configure("tools", new CatalogOptions { Mcp = [Files] });
        (await CompareAsync()).ShouldBe([("tools", DriftState.None, "")]);

        Configure("tools", new CatalogOptions { Mcp = [Files with { Args = ["--root", "/other"], Env = new Dictionary<string, string> { ["TOKEN"] = "open" } }] });
        (await CompareAsync()).ShouldBe([("tools", DriftState.Differs, "of the MCP server files differs: args, env")]);

        Configure("tools", new CatalogOptions { Mcp = [Files, new McpSourceOptions { Url = "http://127.0.0.1:9/mcp?secret=1" }] });
        (await CompareAsync()).ShouldBe([("tools", DriftState.Differs, "the MCP servers are files, configured are files, 127-0-0-1")]);
        (await _drift.OverwriteAsync("tools", CancellationToken.None)).ShouldBeNull();
        (await CompareAsync()).ShouldBe([("tools", DriftState.None, "")]);
    }

    [Fact]
    public async Task Overwrite_ServersOverAListAndBack_ReplacesTheTools()
    {
        await _harness.PutAsync(CatalogHarness.Admin, "tools", CatalogHarness.Tools("a") with { Global = true });
        Configure("tools", new CatalogOptions { Mcp = [Files] });
        (await CompareAsync()).ShouldBe([("tools", DriftState.Differs, "the tools are a list, configured are MCP servers (files)")]);
        (await _drift.OverwriteAsync("tools", CancellationToken.None)).ShouldBeNull();
        (await CompareAsync()).ShouldBe([("tools", DriftState.None, "")]);

        await File.WriteAllTextAsync(_file, """[{"name": "b", "description": "Two."}]""");
        Configure("tools", new CatalogOptions { Load = _file });
        (await CompareAsync()).ShouldBe([("tools", DriftState.Differs, "the tools are those of MCP servers (files), configured is a file")]);
        (await _drift.OverwriteAsync("tools", CancellationToken.None)).ShouldBeNull();
        (await CompareAsync()).ShouldBe([("tools", DriftState.None, "")]);
    }

    [Fact]
    public async Task Overwrite_WhatCouldNotBeMade_IsAFaultNoLonger()
    {
        Configure("tools", new CatalogOptions { Load = _file });
        await _configured.StartAsync(CancellationToken.None);
        await Eventually.TrueAsync(() => _configured.Faults.ContainsKey("tools"));
        (await CompareAsync()).ShouldBe([("tools", DriftState.Missing, "its file of tools: there is no such file")]);

        await File.WriteAllTextAsync(_file, """[{"name": "b", "description": "Two."}]""");
        (await _drift.OverwriteAsync("tools", CancellationToken.None)).ShouldBeNull();

        await Eventually.TrueAsync(() => _configured.Faults.Count == 0);
        (await CompareAsync()).ShouldBe([("tools", DriftState.None, "")]);
        await _configured.StopAsync(CancellationToken.None);
    }

    private void Configure(string name, CatalogOptions options) => _configured.Apply(new Dictionary<string, CatalogOptions> { [name] = options });

    private async Task<(string, DriftState, string)[]> CompareAsync() =>
        [.. (await _drift.CompareAsync(CancellationToken.None)).Select(drift => (drift.Name, drift.State, string.Join("; ", drift.Differences)))];
}
