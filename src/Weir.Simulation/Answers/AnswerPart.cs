namespace Weir.Simulation.Answers;

internal enum AnswerPartKind
{
    Thinking,
    Text,

    /// <summary>The name of a tool; its arguments follow.</summary>
    Call,

    /// <summary>A piece of the arguments of the call before.</summary>
    Arguments,
}

/// <summary>What is sent as one token.</summary>
/// <param name="Kind">What it is a piece of.</param>
/// <param name="Text">Of thinking, text or arguments; the tool's name for a call.</param>
/// <param name="Call">The call's place among the answer's calls.</param>
internal readonly record struct AnswerPart(AnswerPartKind Kind, string Text, int Call = 0);

/// <summary>A tool that an answer calls.</summary>
/// <param name="Name">Of the tool.</param>
/// <param name="Arguments">A JSON object, unless the token limit cut it short.</param>
internal sealed record ToolCall(string Name, string Arguments);
