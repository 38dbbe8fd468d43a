using Microsoft.Extensions.Logging;
using Weir.Server.Configuration;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Configuration;

public sealed class ConfigurationWatcherTests : IDisposable
{
    private const string Good = """{ "prices": { "m": { "input": 1 } }, "providers": {} }""";
    private const string Better = """{ "prices": { "m": { "input": 2 } }, "providers": {} }""";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("weir-watch-");
    private readonly LogLines _log = new();
    private readonly string _path;

    public ConfigurationWatcherTests() => _path = Path.Combine(_folder.FullName, "weir.json");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Look_Edited_SwapsOnceTheContentRests()
    {
        File.WriteAllText(_path, Good);
        var (watcher, live) = Start();

        File.WriteAllText(_path, Better);
        watcher.Look();
        Price(live.Current).ShouldBe(1);
        watcher.Look();

        Price(live.Current).ShouldBe(2);
        _log.Lines.ShouldBe([$"Information {_path} was read again. Changed: prices.m.input"]);
    }

    [Fact]
    public void Look_Touched_TellsOnceThatItWasReadAgain()
    {
        File.WriteAllText(_path, Good);
        var (watcher, live) = Start();
        var (again, changes) = (0, 0);
        live.OnReadAgain(() => again++);
        live.OnReadAgain(() => throw new InvalidOperationException("a fault of a listener"));
        live.OnReadAgain(() => again++);
        live.OnChange(_ => changes++);

        watcher.Look();
        again.ShouldBe(0);
        File.SetLastWriteTimeUtc(_path, File.GetLastWriteTimeUtc(_path).AddSeconds(1));
        watcher.Look();
        watcher.Look();

        (again, changes).ShouldBe((2, 0));
        _log.Lines[0].ShouldBe($"Information {_path} was read again; no setting has changed");
        _log.Lines.Count.ShouldBe(2);
    }

    [Fact]
    public void Look_WrittenTwice_AppliesTheSecondAlone()
    {
        File.WriteAllText(_path, Good);
        var (watcher, live) = Start();
        var applied = new List<double?>();
        live.OnChange(options => applied.Add(Price(options)));

        File.WriteAllText(_path, "");
        watcher.Look();
        File.WriteAllText(_path, Better);
        watcher.Look();
        watcher.Look();
        watcher.Look();

        applied.ShouldBe([2]);
        _log.Lines.Count.ShouldBe(1);
    }

    [Fact]
    public void Look_ReplacedByRename_Swaps()
    {
        File.WriteAllText(_path, Good);
        var (watcher, live) = Start();

        File.WriteAllText(_path + ".tmp", Better);
        File.SetLastWriteTimeUtc(_path + ".tmp", File.GetLastWriteTimeUtc(_path));
        File.Move(_path + ".tmp", _path, overwrite: true);
        watcher.Look();
        watcher.Look();

        Price(live.Current).ShouldBe(2);
    }

    [Fact]
    public void Look_LinkTurnedToAnotherFolder_Swaps()
    {
        // How mounted configuration changes: weir.json leads through a folder link that is turned.
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "one"));
        Directory.CreateDirectory(Path.Combine(_folder.FullName, "two"));
        File.WriteAllText(Path.Combine(_folder.FullName, "one", "weir.json"), Good);
        File.WriteAllText(Path.Combine(_folder.FullName, "two", "weir.json"), Better);
        var link = Path.Combine(_folder.FullName, "data");
        Directory.CreateSymbolicLink(link, "one");
        File.CreateSymbolicLink(_path, Path.Combine("data", "weir.json"));
        var (watcher, live) = Start();

        Directory.Delete(link);
        Directory.CreateSymbolicLink(link, "two");
        watcher.Look();
        watcher.Look();

        Price(live.Current).ShouldBe(2);
    }

    [Fact]
    public void Look_FaultyFile_KeepsTheLastGoodOneAndSaysWhyOnce()
    {
        File.WriteAllText(_path, Good);
        var (watcher, live) = Start();
        var before = live.Current;

        File.WriteAllText(_path, """{ "server": { "drian": "2s" }, "state": "disk" }""");
        for (var i = 0; i < 5; i++)
        {
            watcher.Look();
        }

        live.Current.ShouldBeSameAs(before);
        _log.Lines.ShouldBe(
        [
            $"Error {_path}:1:15: server.drian: is not a setting. Did you mean \"drain\"?",
            $"Error {_path}:1:41: state: is no store that Weir knows. Write \"sqlite\", \"memory\" or \"redis://host:6379/0\".",
            $"Error The last good configuration stays in force; faults in {_path}: 2",
        ]);

        File.WriteAllText(_path, Better);
        watcher.Look();
        watcher.Look();
        Price(live.Current).ShouldBe(2);
    }

    [Fact]
    public void Look_Removed_KeepsTheLastGoodOneAndComesBack()
    {
        File.WriteAllText(_path, Good);
        var (watcher, live) = Start();

        File.Delete(_path);
        watcher.Look();
        watcher.Look();
        _log.Lines.ShouldHaveSingleItem().ShouldStartWith($"Warning {_path} cannot be read: there is no such file");

        File.WriteAllText(_path, Better);
        watcher.Look();
        watcher.Look();
        Price(live.Current).ShouldBe(2);
    }

    [Fact]
    public void Look_OnlyComments_ChangesNothing()
    {
        File.WriteAllText(_path, Good);
        var (watcher, live) = Start();
        var before = live.Current;

        File.WriteAllText(_path, "// hello\n" + Good);
        watcher.Look();
        watcher.Look();

        live.Current.ShouldBeSameAs(before);
        _log.Lines.ShouldHaveSingleItem().ShouldContain("no setting has changed");
    }

    [Fact]
    public void Look_SettingOfTheStart_SaysThatItNeedsOne()
    {
        File.WriteAllText(_path, Good);
        var (watcher, _) = Start();

        File.WriteAllText(_path, """{ "server": { "url": "http://127.0.0.1:7801" }, "prices": { "m": { "input": 1 } }, "providers": {} }""");
        watcher.Look();
        watcher.Look();

        _log.Lines[^1].ShouldBe("Warning server.url was changed and takes effect when the server is started again");
    }

    [Fact]
    public void Look_ChangedBetweenLoadAndFirstLook_IsSeen()
    {
        File.WriteAllText(_path, Good);
        var (watcher, live) = Start(afterLoad: () => File.WriteAllText(_path, Better));

        watcher.Look();
        watcher.Look();

        Price(live.Current).ShouldBe(2);
    }

    [Fact]
    public async Task ExecuteAsync_TimePasses_LooksAndStops()
    {
        File.WriteAllText(_path, Good);
        var time = new ManualTimeProvider();
        var (watcher, live) = Start(time);
        var swapped = new TaskCompletionSource<WeirOptions>(TaskCreationOptions.RunContinuationsAsynchronously);
        live.OnChange(options => swapped.TrySetResult(options));
        await watcher.StartAsync(CancellationToken.None);
        await time.WhenArmedAsync();

        File.WriteAllText(_path, Better);
        while (!swapped.Task.IsCompleted)
        {
            // Each tick is taken up on another thread: those that come meanwhile are one.
            time.Advance(ConfigurationWatcher.Period);
            await Task.WhenAny(swapped.Task, Task.Delay(5));
        }

        Price(await swapped.Task).ShouldBe(2);
        await watcher.StopAsync(CancellationToken.None);
        time.ArmedTimers.ShouldBe(0);
    }

    private static double? Price(WeirOptions options) => options.Prices["m"].Input;

    [Theory]
    [InlineData(Better, 2.0, 0)]
    [InlineData("{", 1.0, 1)]
    public async Task Settled_SavedAMomentAgo_ReturnsOnceItIsInForceOrRefused(string text, double price, int faults)
    {
        File.WriteAllText(_path, Good);
        var time = new ManualTimeProvider();
        var (watcher, live) = Start(time);
        await watcher.StartAsync(CancellationToken.None);
        await time.WhenArmedAsync();

        File.WriteAllText(_path, text);
        var settled = watcher.SettledAsync(CancellationToken.None);
        while (!settled.IsCompleted)
        {
            time.Advance(ConfigurationWatcher.Period);
            await Task.WhenAny(settled, Task.Delay(5));
        }

        (await settled).Count.ShouldBe(faults);
        Price(live.Current).ShouldBe(price);
        await watcher.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Settled_AsItStandsAlready_ReturnsWithoutAnotherLook()
    {
        File.WriteAllText(_path, Good);
        var (watcher, _) = Start(new ManualTimeProvider());

        (await watcher.SettledAsync(CancellationToken.None)).ShouldBeEmpty();

        File.WriteAllText(_path, "{");
        watcher.Look();
        watcher.Look();
        (await watcher.SettledAsync(CancellationToken.None)).ShouldHaveSingleItem("what was refused stays refused until it is changed");
    }

    [Fact]
    public async Task Settled_FileIsGone_ReturnsWithoutAnotherLook()
    {
        File.WriteAllText(_path, Good);
        var (watcher, _) = Start(new ManualTimeProvider());

        File.Delete(_path);

        (await watcher.SettledAsync(CancellationToken.None)).ShouldBeEmpty();
    }

    private (ConfigurationWatcher Watcher, LiveConfiguration Live) Start(TimeProvider? time = null, Action? afterLoad = null)
    {
        var sources = new ConfigurationSources { File = _path };
        var loaded = ConfigurationLoader.Load(sources);
        loaded.Faults.ShouldBeEmpty();
        afterLoad?.Invoke();
        var live = new LiveConfiguration(loaded.Options);
        return (new ConfigurationWatcher(sources, loaded, live, time ?? TimeProvider.System, _log), live);
    }

    private sealed class LogLines : ILogger<ConfigurationWatcher>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add($"{logLevel} {formatter(state, exception)}");
    }
}
