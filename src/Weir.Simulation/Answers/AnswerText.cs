namespace Weir.Simulation.Answers;

/// <summary>
/// The text of an answer: says that it is simulated, carries the prompt's fingerprint and its first words, and goes on to
/// the length asked for. <c>Simulated answer 2cf24dba5fb0a30e to: hello. This text was made…</c>
/// </summary>
internal static class AnswerText
{
    private const int EchoedWords = 8;
    private const int LongestWord = 32;

    private static readonly string[] Filler =
    [
        " This", " text", " was", " made", " by", " a", " simulated", " provider,", " not", " by", " a", " model;",
        " it", " only", " has", " the", " shape", " and", " the", " pace", " of", " an", " answer.",
    ];

    public static string[] Tokens(string prompt, int count)
    {
        var tokens = new string[count];
        var next = 0;
        Add("Simulated");
        Add(" answer");
        Add(" " + Prompt.Fingerprint(prompt));
        Add(" to:");
        var rest = prompt.AsSpan();
        for (var words = 0; words < EchoedWords && next < count; words++)
        {
            var word = NextWord(ref rest);
            if (word.IsEmpty)
                break;
            Add($" {word}");
        }

        Add(".");
        for (var i = 0; next < count; i++)
            Add(Filler[i % Filler.Length]);
        return tokens;

        void Add(string token)
        {
            if (next < count)
                tokens[next++] = token;
        }
    }

    private static ReadOnlySpan<char> NextWord(ref ReadOnlySpan<char> rest)
    {
        rest = rest.TrimStart();
        var end = 0;
        while (end < rest.Length && !char.IsWhiteSpace(rest[end]))
            end++;
        var word = rest[..end];
        rest = rest[end..];
        if (word.Length <= LongestWord)
            return word;
        return char.IsHighSurrogate(word[LongestWord - 1]) ? word[..(LongestWord - 1)] : word[..LongestWord];
    }
}
