using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace Weir.Cli.Run.Agent;

/// <summary>Reads what somebody answered so that whoever looks into it later meets texts alone, and no name twice.</summary>
internal static class AnswerJson
{
    private static readonly JsonDocumentOptions EachNameOnce = new() { AllowDuplicateProperties = false };

    /// <param name="body">Used up: what is no text in it becomes U+FFFD, as in an answer that was cut within a character.</param>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static JsonNode? Parse(byte[] body)
    {
        // Parsing looks into no string: it would be found out only once one is asked for.
        if (!Utf8.IsValid(body))
            body = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(body));
        HalfPairs.Replace(body);
        return JsonNode.Parse(body, documentOptions: EachNameOnce);
    }

    /// <exception cref="JsonException">It is no JSON.</exception>
    public static JsonNode? Parse(string text) => JsonNode.Parse(text, documentOptions: EachNameOnce);
}
