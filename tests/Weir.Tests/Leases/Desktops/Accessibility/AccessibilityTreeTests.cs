using System.Text;
using Weir.Leases.Desktops;
using Weir.Leases.Desktops.Accessibility;

namespace Weir.Tests.Leases.Desktops.Accessibility;

public sealed class AccessibilityTreeTests
{
    [Theory]
    [InlineData(0, """{"tree":null,"nodes":0,"truncated":false,"note":"none"}""", "none")]
    [InlineData(127, "", "python3-pyatspi")]
    [InlineData(1, "", "it broke")]
    [InlineData(null, "", "it broke")]
    [InlineData(0, "not JSON", "could not be read")]
    [InlineData(0, """{"tree":5,"truncated":false}""", "could not be read")]
    [InlineData(0, "[]", "could not be read")]
    public async Task Read_WithoutATree_IsNullWithANote(int? exitCode, string output, string note)
    {
        var tree = new AccessibilityTree(new Answering(new DesktopRun(exitCode, Encoding.UTF8.GetBytes(output), exitCode == 0 ? null : "it broke")), TimeProvider.System);
        var (answer, error) = await tree.ReadAsync(TestContext.Current.CancellationToken);
        error.ShouldBeNull();
        answer.GetProperty("tree").ValueKind.ShouldBe(System.Text.Json.JsonValueKind.Null);
        answer.GetProperty("note").GetString()!.ShouldContain(note);
    }

    [Fact]
    public void Read_DeeperThanMayBe_IsNoTree()
    {
        var deep = $$"""{"tree":{{string.Concat(Enumerable.Repeat("""{"children":[""", 40))}}{{string.Concat(Enumerable.Repeat("]}", 40))}},"truncated":false}""";
        AccessibilityTree.Read(Encoding.UTF8.GetBytes(deep)).ShouldBeNull();
        AccessibilityTree.Read(new byte[AccessibilityTree.MostBytes + 1]).ShouldBeNull();
    }

    private sealed class Answering(DesktopRun run) : IDesktop
    {
        public string Id => "test";

        public string DisplaySocket => "";

        public ReadOnlyMemory<byte> Cookie => default;

        public int Width => 0;

        public int Height => 0;

        public ValueTask<DesktopWork?> WorkAsync(CancellationToken cancellationToken) => ValueTask.FromResult<DesktopWork?>(null);

        public ValueTask<DesktopRun> RunAsync(IReadOnlyList<string> command, ReadOnlyMemory<byte> stdin, int mostOutput, CancellationToken cancellationToken) => ValueTask.FromResult(run);
    }
}
