using System.Text;

namespace Weir.Leases.Desktops;

/// <summary>What a desktop starts with.</summary>
/// <param name="Command">A program and its arguments.</param>
/// <param name="Blank">The last argument where nothing is to be opened. Null: none.</param>
internal sealed record DesktopProgram(IReadOnlyList<string> Command, string? Blank)
{
    public const string Default = "chromium";

    private static readonly string[] Browsers = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];

    // No questions at its first start or after it was ended, and a page that tells what is on it.
    private static readonly string[] BrowserArguments =
        ["--no-first-run", "--no-default-browser-check", "--password-store=basic", "--force-renderer-accessibility", "--hide-crash-restore-bubble", "--disable-component-update", "--disable-background-networking"];

    /// <summary>Reads a program as it stands in a definition: words, of which those with spaces are in quotes.</summary>
    /// <returns>Null: there is none, or a quote is not closed.</returns>
    public static DesktopProgram? Read(string? text)
    {
        if (Words(text ?? Default) is not { Count: > 0 } words || words[0].Length == 0)
            return null;
        return Array.IndexOf(Browsers, Path.GetFileName(words[0])) < 0 ? new DesktopProgram(words, null) : new DesktopProgram([words[0], .. BrowserArguments, .. words.Skip(1)], "about:blank");
    }

    private static List<string>? Words(string text)
    {
        var words = new List<string>();
        StringBuilder? word = null;
        var quote = '\0';
        foreach (var character in text)
        {
            if (quote != '\0' && character == quote)
            {
                quote = '\0';
            }
            else if (quote == '\0' && character is '"' or '\'')
            {
                (quote, word) = (character, word ?? new StringBuilder());
            }
            else if (quote == '\0' && char.IsWhiteSpace(character))
            {
                if (word is not null)
                    words.Add(word.ToString());
                word = null;
            }
            else
            {
                (word ??= new StringBuilder()).Append(character);
            }
        }

        if (word is not null)
            words.Add(word.ToString());
        return quote == '\0' ? words : null;
    }
}
