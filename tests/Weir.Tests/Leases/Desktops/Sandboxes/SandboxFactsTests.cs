using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

public sealed class SandboxFactsTests
{
    private static readonly SandboxFacts Facts = new()
    {
        Boot = "b-1", First = new ProcessIdentity(12, 3456), Network = new ProcessIdentity(13, 3457), Isolation = DesktopIsolation.Sandbox, Display = 0, Width = 1280, Height = 800, Cookie = "00ff",
    };

    [Fact]
    public void Read_WhatWasWritten_IsTheSame()
    {
        SandboxFacts.Read(Facts.Write()).ShouldBe(Facts);
        var bare = Facts with { Network = null, Isolation = DesktopIsolation.None, Display = -1 };
        SandboxFacts.Read(bare.Write()).ShouldBe(bare);
    }

    [Fact]
    public void Write_Always_HasTheLinesThatTheGuardReads()
    {
        Facts.Write().ShouldStartWith("boot b-1\nprocess 12 3456 KILL\nprocess 13 3457 KILL\n");
        (Facts with { Isolation = DesktopIsolation.None, Network = null }).Write().ShouldStartWith("boot b-1\nprocess 12 3456 TERM\n");
    }

    [Fact]
    public void Read_AnyPartOfIt_IsNothingOrWhole()
    {
        var text = Facts.Write();
        for (var length = 0; length < text.Length - "ff\n".Length; length++)
            SandboxFacts.Read(text[..length])?.Network.ShouldBe(Facts.Network);
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => !line.StartsWith("process 13", StringComparison.Ordinal) && !line.StartsWith("process 12", StringComparison.Ordinal)))
            SandboxFacts.Read(text.Replace(line + "\n", "", StringComparison.Ordinal)).ShouldBeNull(line);
        SandboxFacts.Read("process x y KILL\n" + text).ShouldBeNull();
    }

    [Theory]
    [InlineData("12 (sh) S 1 12 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2", 987654L)]
    [InlineData("12 (a) b) (c) S 1 12 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2", 987654L)]
    [InlineData("12 (sh) Z 1 12 12 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2", null)]
    [InlineData("12 (sh) S 1 12", null)]
    [InlineData("", null)]
    public void StartOf_Line_IsItsTwentySecondField(string line, long? start) => ProcessIdentity.StartOf(line).ShouldBe(start);

    [Fact]
    public void Of_ThisProcess_IsAliveAndAnotherStartIsNot()
    {
        var own = ProcessIdentity.Of(Environment.ProcessId).ShouldNotBeNull();

        own.IsAlive.ShouldBeTrue();
        (own with { Start = own.Start + 1 }).IsAlive.ShouldBeFalse();
    }
}
