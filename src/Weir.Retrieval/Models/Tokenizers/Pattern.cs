using System.Text.RegularExpressions;

namespace Weir.Retrieval.Models.Tokenizers;

/// <summary>
/// What a step of a tokenizer looks for: a text as it stands, or a regular expression. Expressions run in linear time where .NET can
/// (<see cref="RegexOptions.NonBacktracking"/>); those with look-around backtrack, and end with an exception after ten seconds.
/// </summary>
internal sealed class Pattern
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly string _literal;
    private readonly Regex? _regex;

    private Pattern(string literal, Regex? regex) => (_literal, _regex) = (literal, regex);

    /// <param name="text">Not empty.</param>
    public static Pattern Literal(string text) => new(text, null);

    public static Pattern Of(Regex regex) => new("", regex);

    /// <exception cref="ArgumentException">It is no regular expression that .NET knows.</exception>
    public static Pattern Expression(string expression)
    {
        try
        {
            return new Pattern("", new Regex(expression, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking));
        }
        catch (NotSupportedException)
        {
            return new Pattern("", new Regex(expression, RegexOptions.CultureInvariant, Patience));
        }
    }

    /// <summary>The matches from left to right; empty ones are left out.</summary>
    public MatchEnumerator Matches(ReadOnlySpan<char> text) => new(this, text);

    public ref struct MatchEnumerator
    {
        private readonly ReadOnlySpan<char> _text;
        private readonly string _literal;
        private readonly bool _isRegex;
        private Regex.ValueMatchEnumerator _matches;
        private int _from;

        internal MatchEnumerator(Pattern pattern, ReadOnlySpan<char> text)
        {
            _text = text;
            (_literal, _isRegex) = (pattern._literal, pattern._regex is not null);
            if (pattern._regex is { } regex)
                _matches = regex.EnumerateMatches(text);
        }

        public (int Start, int Length) Current { get; private set; }

        public readonly MatchEnumerator GetEnumerator() => this;

        public bool MoveNext()
        {
            while (_isRegex && _matches.MoveNext())
            {
                Current = (_matches.Current.Index, _matches.Current.Length);
                if (Current.Length > 0)
                    return true;
            }

            if (_isRegex || _text[_from..].IndexOf(_literal, StringComparison.Ordinal) is not (>= 0 and var at))
                return false;
            Current = (_from + at, _literal.Length);
            _from += at + _literal.Length;
            return true;
        }
    }
}
