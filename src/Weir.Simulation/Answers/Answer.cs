using System.Globalization;

namespace Weir.Simulation.Answers;

/// <summary>One answer, a function of the prompt, the settings and the request's fate: thinking where it is asked for, then calls or text.</summary>
internal sealed class Answer
{
    private const int ArgumentsPerToken = 6;

    private static readonly string[] Thoughts = ["The", " simulated", " provider", " thinks", " about", " nothing", " at", " all."];

    // Thinking and calls, which every choice has alike and which come before its text.
    private readonly AnswerPart[] _shared;

    /// <param name="prompt">What is answered.</param>
    /// <param name="options">The settings.</param>
    /// <param name="id">Of the request's fate.</param>
    /// <param name="created">Unix time in seconds.</param>
    /// <param name="isCached">The prompt's instructions have been seen before.</param>
    public Answer(Prompt prompt, SimulationOptions options, ulong id, long created, bool isCached = false)
    {
        Prompt = prompt;
        Id = id.ToString("x16", CultureInfo.InvariantCulture);
        Created = created;
        IsCached = isCached;
        Dimensions = options.Dimensions;

        var shared = Shared(prompt);
        var whole = shared.Count + (prompt.Calls.Count > 0 ? 0 : prompt.Json is { } all ? Pieces(all).Count : options.AnswerTokens);
        IsCutShort = prompt.MaxTokens < whole;
        TokenCount = Math.Min(whole, prompt.MaxTokens ?? int.MaxValue);
        _shared = [.. shared.Take(TokenCount)];

        var texts = prompt.Texts.Select(text => prompt.Json is { } json && prompt.Calls.Count == 0
            ? [.. Pieces(json).Take(TokenCount - _shared.Length)]
            : AnswerText.Tokens(text, TokenCount - _shared.Length)).ToArray();
        Choices = new string[texts.Length * prompt.Choices][];
        for (var choice = 0; choice < Choices.Length; choice++)
            Choices[choice] = texts[choice / prompt.Choices];
    }

    public Prompt Prompt { get; }

    /// <summary>16 hexadecimal digits.</summary>
    public string Id { get; }

    /// <summary>Unix time in seconds.</summary>
    public long Created { get; }

    /// <summary>The prompt's instructions count as read from a cache.</summary>
    public bool IsCached { get; }

    /// <summary>The tokens of each choice's text; joined, they are the text.</summary>
    public string[][] Choices { get; }

    /// <summary>Tokens of every choice, thinking and calls included.</summary>
    public int TokenCount { get; }

    /// <summary>Whether the request's limit ended the answer.</summary>
    public bool IsCutShort { get; }

    /// <summary>Dimensions of an embedding where the request names none.</summary>
    public int Dimensions { get; }

    public int OutputTokens => TokenCount * Choices.Length;

    public int ThinkingTokens => _shared.Count(part => part.Kind == AnswerPartKind.Thinking);

    /// <summary>What was thought; empty where nothing was.</summary>
    public string Thinking => string.Concat(_shared.Where(part => part.Kind == AnswerPartKind.Thinking).Select(part => part.Text));

    /// <summary>What it calls, as far as the request's limit let it.</summary>
    public IEnumerable<ToolCall> Calls => _shared.Where(part => part.Kind == AnswerPartKind.Call).Select(call => new ToolCall(
        call.Text,
        string.Concat(_shared.Where(part => part.Kind == AnswerPartKind.Arguments && part.Call == call.Call).Select(part => part.Text))));

    public string Text(int choice) => string.Concat(Choices[choice]);

    /// <summary>What is sent as the token of this index.</summary>
    public AnswerPart Part(int choice, int index) =>
        index < _shared.Length ? _shared[index] : new(AnswerPartKind.Text, Choices[choice][index - _shared.Length]);

    private static List<AnswerPart> Shared(Prompt prompt)
    {
        var parts = new List<AnswerPart>();
        if (prompt.Thinks)
            parts.AddRange(Thoughts.Select(thought => new AnswerPart(AnswerPartKind.Thinking, thought)));
        for (var call = 0; call < prompt.Calls.Count; call++)
        {
            parts.Add(new(AnswerPartKind.Call, prompt.Calls[call].Name, call));
            foreach (var piece in Pieces(prompt.Calls[call].Arguments))
                parts.Add(new(AnswerPartKind.Arguments, piece, call));
        }

        return parts;
    }

    private static List<string> Pieces(string rest)
    {
        var pieces = new List<string>();
        while (rest.Length > 0)
        {
            var length = Math.Min(ArgumentsPerToken, rest.Length);
            if (length < rest.Length && char.IsHighSurrogate(rest[length - 1]))
                length++;
            pieces.Add(rest[..length]);
            rest = rest[length..];
        }

        return pieces;
    }
}
