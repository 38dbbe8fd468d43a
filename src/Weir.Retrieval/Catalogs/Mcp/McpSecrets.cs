using Weir.Retrieval.Catalogs.Documents;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>
/// What a server was given and nobody else may read: variables and headers. A server may say them again, in its log or in an error, and both are shown to people.
/// </summary>
internal sealed class McpSecrets
{
    private const int Shortest = 4;
    private const int ShortestPart = 8;

    private readonly string[] _values;

    public McpSecrets(McpSource source)
    {
        // Of "Bearer abc", abc alone is the secret as well.
        var values = source.Env.Values.Concat(source.Headers.Values).ToList();
        _values =
        [
            .. values.Where(static value => value.Length >= Shortest)
                .Concat(values.SelectMany(static value => value.Split(' ')).Where(static part => part.Length >= ShortestPart))
                .Distinct(StringComparer.Ordinal).OrderByDescending(static value => value.Length),
        ];
    }

    public string Hide(string text)
    {
        foreach (var value in _values)
            text = text.Replace(value, "***", StringComparison.Ordinal);
        return text;
    }
}
