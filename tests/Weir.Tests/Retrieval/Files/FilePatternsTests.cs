using Weir.Retrieval.Files;

namespace Weir.Tests.Retrieval.Files;

public sealed class FilePatternsTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("weir-files-");

    public FilePatternsTests()
    {
        foreach (var name in (string[])["a.txt", "b.md", "deep/c.txt", "deep/er/d.txt", "deep/er/e.jsonl", ".hidden/f.txt", "deep/.g.txt"])
        {
            var path = Path.Combine(_folder.FullName, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, name);
        }
    }

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("a.txt", "a.txt")]
    [InlineData("*.txt", "a.txt")]
    [InlineData("?.txt", "a.txt")]
    [InlineData("**/*.txt", "a.txt deep/c.txt deep/er/d.txt")]
    [InlineData("deep", "deep/c.txt deep/er/d.txt deep/er/e.jsonl")]
    [InlineData("deep/*/*", "deep/er/d.txt deep/er/e.jsonl")]
    [InlineData("d*p/c.txt", "deep/c.txt")]
    [InlineData("missing/**", "")]
    public void Find_Pattern_GivesTheFilesItMeans(string pattern, string names)
    {
        string[] expected = names.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Found(new FilePatterns([pattern], _folder.FullName)).ShouldBe(expected);
        var absolute = new FilePatterns([Path.Combine(_folder.FullName, pattern)], _folder.FullName).Find(100);
        absolute.Values.Select(file => file.Path).Order(StringComparer.Ordinal).ShouldBe(expected.Select(name => Path.Combine(_folder.FullName, name)));
    }

    [Fact]
    public void Find_Kinds_LeaveOutTheOthers() =>
        Found(new FilePatterns(["**"], _folder.FullName, [".md", ".jsonl"])).ShouldBe(["b.md", "deep/er/e.jsonl"]);

    [Fact]
    public void Find_MoreThanTheMost_StopsThere() => new FilePatterns(["**"], _folder.FullName).Find(2).Count.ShouldBe(2);

    [Fact]
    public void Missing_Folders_AreNamed() =>
        new FilePatterns(["deep", "gone/*.txt"], _folder.FullName).Missing.ShouldBe([Path.Combine(_folder.FullName, "gone")]);

    private static IEnumerable<string> Found(FilePatterns patterns) => patterns.Find(100).Keys.Order(StringComparer.Ordinal);
}
