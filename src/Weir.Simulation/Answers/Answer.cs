using System.Globalization;

namespace Weir.Simulation.Answers;

/// <summary>One answer, a function of the prompt, the settings and the request's fate.</summary>
internal sealed class Answer
{
    public Answer(Prompt prompt, SimulationOptions options, ulong id, long created)
    {
        Prompt = prompt;
        Id = id.ToString("x16", CultureInfo.InvariantCulture);
        Created = created;
        IsCutShort = prompt.MaxTokens < options.AnswerTokens;
        TokenCount = Math.Min(options.AnswerTokens, prompt.MaxTokens ?? int.MaxValue);
        Dimensions = options.Dimensions;

        var texts = prompt.Texts.Select(text => AnswerText.Tokens(text, TokenCount)).ToArray();
        Choices = new string[texts.Length * prompt.Choices][];
        for (var choice = 0; choice < Choices.Length; choice++)
            Choices[choice] = texts[choice / prompt.Choices];
    }

    public Prompt Prompt { get; }

    /// <summary>16 hexadecimal digits.</summary>
    public string Id { get; }

    /// <summary>Unix time in seconds.</summary>
    public long Created { get; }

    /// <summary>The tokens of each choice; joined, they are its text.</summary>
    public string[][] Choices { get; }

    /// <summary>Tokens of every choice.</summary>
    public int TokenCount { get; }

    /// <summary>Whether the request's limit ended the answer.</summary>
    public bool IsCutShort { get; }

    /// <summary>Dimensions of an embedding where the request names none.</summary>
    public int Dimensions { get; }

    public int OutputTokens => TokenCount * Choices.Length;

    public string Text(int choice) => string.Concat(Choices[choice]);
}
