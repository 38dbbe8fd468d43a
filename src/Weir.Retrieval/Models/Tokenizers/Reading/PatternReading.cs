namespace Weir.Retrieval.Models.Tokenizers.Reading;

/// <summary>Reads what a step looks for: {"String": "…"} or {"Regex": "…"}.</summary>
internal static class PatternReading
{
    public static Pattern Read(JsonPart pattern)
    {
        if (pattern.Get("String") is { } literal)
            return literal.Text.Length > 0 ? Pattern.Literal(literal.Text) : throw literal.Wrong("is empty");
        var expression = pattern.Get("Regex") ?? throw pattern.Wrong("has neither String nor Regex");
        try
        {
            return Pattern.Expression(expression.Text);
        }
        catch (ArgumentException fault)
        {
            throw expression.Wrong($"is not a regular expression that .NET knows: {fault.Message.TrimEnd('.')}");
        }
    }
}
