namespace Weir.Retrieval.Chunking;

/// <summary>The headings that the next line stands under.</summary>
internal sealed class HeadingTrail
{
    /// <summary>In characters; what is longer is no title, and would fill the chunk it is set before.</summary>
    private const int LongestTitle = 120;

    private readonly List<(int Level, string Title)> _open = [];

    /// <summary>Outermost first; null before the first heading.</summary>
    public string? Text { get; private set; }

    public void Enter(int level, ReadOnlySpan<char> title)
    {
        _open.RemoveAll(heading => heading.Level >= level);
        _open.Add((level, Shorten(title.Trim())));
        var titles = _open.Where(heading => heading.Title.Length > 0).Select(heading => heading.Title).ToArray();
        Text = titles.Length == 0 ? null : string.Join(" > ", titles);
    }

    private static string Shorten(ReadOnlySpan<char> title)
    {
        var end = Math.Min(title.Length, LongestTitle);
        if (end < title.Length && char.IsLowSurrogate(title[end]))
            end--;
        var line = title[..end].IndexOfAny('\r', '\n') < 0 ? title[..end].ToString() : string.Join(' ', title[..end].ToString().Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        return end < title.Length ? line.TrimEnd() + "…" : line;
    }
}
