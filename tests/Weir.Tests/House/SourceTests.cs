using System.Text.RegularExpressions;

namespace Weir.Tests.House;

/// <summary>What must not stand in the source.</summary>
public sealed partial class SourceTests
{
    private static readonly string[] Kinds = [".cs", ".md", ".json", ".csproj", ".props", ".targets"];

    [Fact]
    public void Source_Product_HasNothingUnfinished()
    {
        var found = Repository.Files(".cs")
            .Where(file => file.StartsWith("src", StringComparison.Ordinal))
            .SelectMany(file => Lines(file, Unfinished()));

        found.ShouldBeEmpty();
    }

    [Fact]
    public void Source_LongFiles_StayUnder400Lines()
    {
        var found = Repository.Files(".cs")
            .Where(file => file.StartsWith("src", StringComparison.Ordinal))
            .Select(file => (File: file, Lines: File.ReadLines(Repository.Path(file)).Count()))
            .Where(file => file.Lines > 400);

        found.ShouldBeEmpty("Split it, or give the reason here.");
    }

    [Fact]
    public void Source_Everywhere_NamesNoMachine()
    {
        var found = Kinds.SelectMany(Repository.Files)
            .Where(file => !file.StartsWith(Path.Combine("tests", "Weir.Tests", "House"), StringComparison.Ordinal))
            .SelectMany(file => Lines(file, Machine()));

        found.ShouldBeEmpty();
    }

    private static IEnumerable<string> Lines(string file, Regex pattern) => File.ReadLines(Repository.Path(file))
        .Select((line, index) => (line, index))
        .Where(entry => pattern.IsMatch(entry.line))
        .Select(entry => $"{file}:{entry.index + 1}: {entry.line.Trim()}");

    [GeneratedRegex(@"NotImplementedException|\bTODO\b|\bFIXME\b|\bHACK\b")]
    private static partial Regex Unfinished();

    // Inside of a desktop there is a user of that name, on every machine.
    [GeneratedRegex(@"(^|[""'\s(=])/(work/|root/|home/(?!user\b))")]
    private static partial Regex Machine();
}
