using System.Text.Json.Nodes;
using Weir.Leases.Desktops;
using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class SandboxCommandTests
{
    private static readonly SandboxPlan Plan = new(1280, 800, DesktopProgram.Read("xterm -e 'a b'")!, DesktopNetwork.Nat, DesktopIsolation.Sandbox);

    [Fact]
    public void Sandboxed_Root_DropsToTheUserBeforeAnythingElse()
    {
        var command = SandboxCommand.Sandboxed(1900000001, [], null);

        command.Take(6).ShouldBe(["setpriv", "--no-new-privs", "--inh-caps=-all", "--reuid=1900000001", "--regid=1900000001", "--clear-groups"]);
        SandboxCommand.Sandboxed(null, [], null).ShouldNotContain(word => word.StartsWith("--reuid", StringComparison.Ordinal));
    }

    [Fact]
    public void Sandboxed_Mounts_ShowNothingOfTheMachineThatCanBeWritten()
    {
        var command = SandboxCommand.Sandboxed(null, [], null).ToList();

        command.ShouldNotContain("--bind");
        command.ShouldNotContain("--share-net");
        command.ShouldContain("--clearenv");
        command.Select((word, index) => (word, index)).Where(entry => entry.word == "--tmpfs").ShouldAllBe(entry => command[entry.index - 2] == "--size");
        command.Select((word, index) => (word, index)).Where(entry => entry.word.StartsWith("--ro-bind", StringComparison.Ordinal)).Select(entry => command[entry.index + 1])
            .ShouldNotContain(path => path == "/etc" || path == "/opt" || path.StartsWith("/var/lib", StringComparison.Ordinal) || path.StartsWith("/run", StringComparison.Ordinal) || path.StartsWith("/tmp", StringComparison.Ordinal) || path.StartsWith("/home", StringComparison.Ordinal));
    }

    [Fact]
    public void Sandboxed_FolderBelowWhatIsBound_IsCoveredAfterTheBind()
    {
        var command = SandboxCommand.Sandboxed(null, ["/usr/share/weir/data", "/usr/share/weir", "/opt/weir", "/usrdata"], null).ToList();

        var at = command.IndexOf("/usr/share/weir");
        command.GetRange(at - 3, 6).ShouldBe(["--size", "4096", "--tmpfs", "/usr/share/weir", "--remount-ro", "/usr/share/weir"]);
        at.ShouldBeGreaterThan(command.FindLastIndex(word => word.StartsWith("--ro-bind", StringComparison.Ordinal)));
        command.ShouldNotContain(word => word.StartsWith("/opt", StringComparison.Ordinal) || word.StartsWith("/usrdata", StringComparison.Ordinal) || word == "/usr/share/weir/data");
    }

    [Fact]
    public void Sandboxed_VendorOfTheProgram_IsAllThatIsSeenOfOpt()
    {
        var opt = Directory.CreateTempSubdirectory("weir-opt-").FullName;
        try
        {
            var vendor = Directory.CreateDirectory(opt + "/maker").FullName;

            var command = SandboxCommand.Sandboxed(null, [vendor + "/weir", opt + "/other"], vendor).ToList();

            command.FindAll(word => word.StartsWith(opt, StringComparison.Ordinal)).ShouldBe([vendor, vendor, vendor + "/weir", vendor + "/weir"]);
            var at = command.IndexOf(vendor);
            command[at - 1].ShouldBe("--ro-bind");
            command.GetRange(command.IndexOf(vendor + "/weir") - 1, 4).ShouldBe(["--tmpfs", vendor + "/weir", "--remount-ro", vendor + "/weir"]);
            // The root itself is closed after that.
            command.FindLastIndex(word => word == "/").ShouldBeGreaterThan(at);
        }
        finally
        {
            Directory.Delete(opt, recursive: true);
        }
    }

    [Fact]
    public void Inside_LinksAndClosedFolders_AreFoundWhereTheyAreSeen()
    {
        var root = Directory.CreateTempSubdirectory("weir-hidden-").FullName;
        try
        {
            const UnixFileMode Closed = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
            Directory.CreateDirectory(root + "/shown", Closed | UnixFileMode.OtherExecute);
            Directory.CreateDirectory(root + "/shown/closed", Closed);
            Directory.CreateDirectory(root + "/shown/closed/data");
            Directory.CreateSymbolicLink(root + "/link", root + "/shown/closed");
            Directory.CreateSymbolicLink(root + "/alias", root + "/shown");
            var hidden = HiddenFolders.Real(root + "/link/data");

            hidden.ShouldBe(root + "/shown/closed/data");
            HiddenFolders.Inside([hidden], [root + "/alias", root + "/none"], asOther: false).ShouldBe([root + "/alias/closed/data"]);
            HiddenFolders.Inside([hidden], [root + "/shown"], asOther: true).ShouldBe([root + "/shown/closed"]);
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public void Network_Always_RefusesTheMachinesLoopback()
    {
        SandboxCommand.Network(12, null).ShouldContain("--disable-host-loopback");
        SandboxCommand.Network(12, "/proc/1/fd/9").Take(5).ShouldBe(["nsenter", "--preserve-credentials", "--user=/proc/1/fd/9", "--", "slirp4netns"]);
        SandboxCommand.Network(12, "/proc/1/fd/9").ShouldContain("--enable-sandbox");
    }

    [Fact]
    public void Settings_Plan_IsOneLineAndTheCookieIsNoArgument()
    {
        var line = SandboxCommand.Settings("a", Plan, "00ff", "machine");

        line.ShouldNotContain("\n");
        var settings = JsonNode.Parse(line)!;
        settings["program"]!.AsArray().Select(word => (string)word!).ShouldBe(["xterm", "-e", "a b"]);
        ((string)settings["folder"]!).ShouldBe("/run/user/1000");
        settings["files"]!.AsObject().Select(file => file.Key).ShouldAllBe(file => file.StartsWith("/etc/", StringComparison.Ordinal));
        JsonNode.Parse(SandboxCommand.Settings("a", Plan with { Isolation = DesktopIsolation.None }, "00ff", "machine"))!["files"]!.AsObject().ShouldBeEmpty();
    }

    [Theory]
    [InlineData(null, "chromium")]
    [InlineData("xterm", "xterm")]
    [InlineData("a 'b c' \"d 'e\" f''", "a|b c|d 'e|f")]
    [InlineData("", null)]
    [InlineData("   ", null)]
    [InlineData("'' a", null)]
    [InlineData("a 'b", null)]
    public void Read_Program_IsWords(string? text, string? words)
    {
        var program = DesktopProgram.Read(text);

        if (words is null)
            program.ShouldBeNull();
        else if (words == "chromium")
            program.ShouldNotBeNull().ShouldSatisfyAllConditions(read => read.Command[0].ShouldBe("chromium"), read => read.Blank.ShouldBe("about:blank"), read => read.Command.ShouldNotContain("--no-sandbox"));
        else
            string.Join('|', program.ShouldNotBeNull().Command).ShouldBe(words);
    }
}
