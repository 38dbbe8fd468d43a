using Weir.State.Replicas;

namespace Weir.Tests.State.Replicas;

public sealed class ReplicaHomeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-home-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string File => Path.Combine(_folder, "data", "replica.id");

    [Fact]
    public void Open_SameFolderAgain_GivesTheSameName()
    {
        string name;
        using (var first = Open())
        {
            first.Warning.ShouldBeNull();
            name = first.Name;
            name.Length.ShouldBe(8);
        }

        using var again = Open();
        (again.Name, again.Warning).ShouldBe((name, null));
        if (!OperatingSystem.IsWindows())
            System.IO.File.GetUnixFileMode(File).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public void Open_FolderThatAnotherHolds_GivesAnotherNameAndSaysSo()
    {
        using var first = Open();
        using var second = Open();

        second.Name.ShouldNotBe(first.Name);
        second.Warning.ShouldNotBeNull().ShouldContain("a folder of its own");
    }

    [Theory]
    [InlineData("../../etc")]
    [InlineData("0123456")]
    [InlineData("01234567\n8")]
    [InlineData("ABCDEFGH")]
    public void Open_FileThatHoldsNoName_IsLeftAsItIsAndSaysSo(string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllText(File, content);

        using var home = Open();

        home.Name.Length.ShouldBe(8);
        home.Warning.ShouldNotBeNull().ShouldContain("delete it");
        System.IO.File.ReadAllText(File).ShouldBe(content);
    }

    [Fact]
    public void Open_FileOfAProcessThatDiedBeforeItHadWritten_GetsAName()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllText(File, "");

        using var home = Open();
        home.Dispose();

        home.Warning.ShouldBeNull();
        System.IO.File.ReadAllText(File).ShouldBe(home.Name);
    }

    [Fact]
    public void Open_FolderThatCannotBeMade_GivesANameForThisRunAndSaysSo()
    {
        // Also for root, whom no permission keeps out.
        System.IO.File.WriteAllText(Path.Combine(_folder, "data"), "a file");

        using var home = Open();

        home.Name.Length.ShouldBe(8);
        home.Warning.ShouldNotBeNull().ShouldContain("cannot be used");
    }

    [Fact]
    public void Open_NoFolder_DrawsAName()
    {
        using var home = ReplicaHome.Open(null);

        (home.Name.Length, home.Warning).ShouldBe((8, null));
    }

    private ReplicaHome Open() => ReplicaHome.Open(Path.GetDirectoryName(File));
}
