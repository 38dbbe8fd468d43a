using System.Xml.Linq;

namespace Weir.Tests.House;

/// <summary>The table of arrows says what the project files do: the build refuses more, this refuses less.</summary>
public sealed class ArrowTests
{
    private static readonly Dictionary<string, string[]> Arrows = XDocument.Load(Repository.Path("Directory.Build.targets"))
        .Descendants("Arrow")
        .ToDictionary(
            arrow => (string)arrow.Attribute("Include")!,
            arrow => ((string)arrow.Attribute("To")!).Split(';', StringSplitOptions.RemoveEmptyEntries));

    public static TheoryData<string> Projects => [.. Repository.Files(".csproj").Where(file => file.StartsWith("src", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Projects))]
    public void Arrows_Project_UsesOnlyWhatItsRowAllows(string project)
    {
        var name = Path.GetFileNameWithoutExtension(project);
        Arrows.ShouldContainKey(name);

        References(project).Except(Arrows[name]).ShouldBeEmpty();
    }

    [Fact]
    public void Arrows_Table_HasARowForEveryProjectAndNoOther() =>
        Arrows.Keys.Order().ShouldBe(Projects.Select(row => Path.GetFileNameWithoutExtension(row.Data)).Order());

    [Fact]
    public void Arrows_Table_HasNoCircle()
    {
        var left = Arrows.ToDictionary(row => row.Key, row => row.Value.ToHashSet());
        while (left.Count > 0)
        {
            var free = left.Where(row => row.Value.Count == 0).Select(row => row.Key).ToArray();
            free.ShouldNotBeEmpty($"In a circle: {string.Join(", ", left.Keys)}");
            foreach (var name in free)
            {
                left.Remove(name);
            }

            foreach (var row in left.Values)
            {
                row.ExceptWith(free);
            }
        }
    }

    [Fact]
    public void Solution_EveryProject_IsInIt()
    {
        var listed = XDocument.Load(Repository.Path("Weir.slnx")).Descendants("Project").Select(project => (string)project.Attribute("Path")!);

        listed.Order(StringComparer.Ordinal).ShouldBe(Repository.Files(".csproj").Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> References(string project) => XDocument.Load(Repository.Path(project))
        .Descendants("ProjectReference")
        .Select(reference => Path.GetFileNameWithoutExtension((string)reference.Attribute("Include")!));
}
