using System.Text.RegularExpressions;
using Weir.Server.Configuration;

namespace Weir.Tests.House;

/// <summary>What documents promise is there.</summary>
public sealed partial class DocumentTests
{
    // What the launcher does by itself.
    private static readonly string[] Launched = ["test", "bench", "help"];

    public static TheoryData<string> Configurations => [.. Repository.Files("weir.json").Where(file => file.StartsWith("examples", StringComparison.Ordinal))];

    public static TheoryData<string> Documents => [.. Repository.Files(".md")];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_RelativeLinks_Lead(string document)
    {
        var folder = Path.GetDirectoryName(Repository.Path(document))!;
        var broken = Link().Matches(Prose(document))
            .Select(link => link.Groups[1].Value)
            .Where(target => !target.Contains(':', StringComparison.Ordinal) && !target.StartsWith('#'))
            .Where(target => !Path.Exists(Path.Combine(folder, target.Split('#')[0])));

        broken.ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_Anchors_AreHeadingsOfTheirPage(string document)
    {
        var folder = Path.GetDirectoryName(Repository.Path(document))!;
        var broken = Link().Matches(Prose(document))
            .Select(link => link.Groups[1].Value.Split('#'))
            .Where(parts => parts.Length == 2 && !parts[0].Contains(':', StringComparison.Ordinal))
            .Where(parts => parts[0].Length == 0 || parts[0].EndsWith(".md", StringComparison.Ordinal))
            .Where(parts => !Anchors(parts[0].Length == 0 ? Repository.Path(document) : Path.Combine(folder, parts[0])).Contains(parts[1]))
            .Select(parts => string.Join('#', parts));

        broken.ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Document_Commands_Exist(string document)
    {
        var known = Launched.Concat(Commands()).ToHashSet();
        var unknown = WeirCommand().Matches(File.ReadAllText(Repository.Path(document)))
            .Select(command => command.Groups[1].Value)
            .Where(name => !known.Contains(name))
            .Distinct();

        unknown.ShouldBeEmpty($"Known: {string.Join(", ", known)}");
    }

    [Theory]
    [MemberData(nameof(Configurations))]
    public void Example_Configuration_HasNoFault(string file)
    {
        var loaded = ConfigurationLoader.Load(new ConfigurationSources
        {
            File = Repository.Path(file),
            Environment = new Dictionary<string, string> { ["OPENAI_API_KEY"] = "k", ["ANTHROPIC_API_KEY"] = "k" },
        });

        loaded.Faults.ShouldBeEmpty();
        loaded.Warnings.ShouldBeEmpty();
    }

    [Fact]
    public void Continuous_Integration_RunsTheLauncherAndNothingElse() =>
        File.ReadAllLines(Repository.Path(".ci", "run")).Skip(1).Where(line => line.Length > 0 && !line.StartsWith('#'))
            .ShouldHaveSingleItem().ShouldBe("exec \"$(dirname -- \"$0\")/../weir\" test");

    /// <summary>The table of commands is the program itself.</summary>
    private static IEnumerable<string> Commands() => Directory.EnumerateFiles(Repository.Path("src", "Weir.Cli", "Commands"), "*.cs")
        .SelectMany(file => Command().Matches(File.ReadAllText(file)))
        .Select(command => command.Groups[1].Value);

    /// <summary>Without code, in which brackets mean something else.</summary>
    private static string Prose(string document) => Code().Replace(File.ReadAllText(Repository.Path(document)), "");

    private static HashSet<string> Anchors(string path) => File.Exists(path)
        ? [.. File.ReadLines(path).Where(line => line.StartsWith('#')).Select(Anchor)]
        : [];

    private static string Anchor(string heading) =>
        NotInAnchors().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex(@"\]\(<?([^)\s>]+)>?(?:\s+""[^""]*"")?\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"```.*?```|`[^`\n]*`", RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex(@"\./weir ([a-z]+)")]
    private static partial Regex WeirCommand();

    [GeneratedRegex(@"new(?: Command)?\(""([a-z]+)"", """)]
    private static partial Regex Command();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();
}
