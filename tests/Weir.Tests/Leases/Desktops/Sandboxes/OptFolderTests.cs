using Weir.Leases.Desktops.Sandboxes;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

public sealed class OptFolderTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("weir-opt-").FullName;

    private string Opt => Path.Combine(_root, "opt");

    public OptFolderTests()
    {
        Directory.CreateDirectory(_root + "/real/maker/browser");
        Directory.CreateDirectory(_root + "/bin");
        Directory.CreateSymbolicLink(Opt, _root + "/real");
        File.WriteAllText(_root + "/real/maker/browser/browser", "");
        File.WriteAllText(_root + "/real/loose", "");
        File.WriteAllText(_root + "/bin/plain", "");
        File.CreateSymbolicLink(_root + "/bin/browser-stable", Opt + "/maker/browser/browser");
        File.CreateSymbolicLink(_root + "/bin/browser", "browser-stable");
    }

    [Theory]
    [InlineData("/bin/browser", "maker")]
    [InlineData("/opt/maker/browser/browser", "maker")]
    [InlineData("/real/maker/browser/browser", "maker")]
    [InlineData("/bin/../opt/maker/browser/browser", "maker")]
    [InlineData("/bin/plain", null)]
    [InlineData("/opt/loose", null)]
    [InlineData("/opt/none/browser", null)]
    [InlineData("/optional", null)]
    public void Of_Program_IsItsVendorsFolder(string program, string? vendor) =>
        OptFolder.Of(_root + program, Opt).ShouldBe(vendor is null ? null : Path.Combine(Opt, vendor));

    [Fact]
    public void Of_NameOrNoRoot_IsNone()
    {
        OptFolder.Of("sh", Opt).ShouldBeNull();
        OptFolder.Of("no-such-program", Opt).ShouldBeNull();
        OptFolder.Of(_root + "/bin/browser", _root + "/none").ShouldBeNull();
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
