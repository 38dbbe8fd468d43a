using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Weir.Retrieval.Files;

namespace Weir.Retrieval.Embedding.Preloading;

/// <summary>Texts in files: each line of a .jsonl is a JSON string, or an object with <c>text</c> and perhaps <c>model</c>; of any other file, each line is a text.</summary>
internal static class PreloadFiles
{
    /// <summary>The most characters of a line.</summary>
    public const int MostChars = 256 * 1024;

    private const int MostFiles = 100_000;

    /// <summary>The files that match, in the order of their names; relative patterns begin at the working directory.</summary>
    public static IReadOnlyList<string> Find(string pattern) =>
        [.. new FilePatterns([pattern], Directory.GetCurrentDirectory()).Find(MostFiles).Values.Select(file => file.Path).Order(StringComparer.Ordinal)];

    /// <summary>The texts of one file; a line that is none comes with what is wrong with it.</summary>
    public static async IAsyncEnumerable<(PreloadText Text, string? Fault)> ReadAsync(string path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var isJson = Path.GetExtension(path).Equals(".jsonl", StringComparison.OrdinalIgnoreCase);
        using var reader = new StreamReader(path, Encoding.UTF8);
        var number = 0;
        await foreach (var line in LinesAsync(reader, cancellationToken))
        {
            number++;
            if (line is null)
                yield return (default, $"line {number} has more than {MostChars} characters");
            else if (isJson && !string.IsNullOrWhiteSpace(line))
                yield return Parse(line) is not { } text ? (default, $"line {number} is neither a JSON string nor an object with text")
                    : text.Text.Length == 0 ? (default, $"line {number} has an empty text") : (text, null);
            else if (!isJson && line.Length > 0)
                yield return (new PreloadText(line), null);
        }
    }

    /// <summary>Null for a line that is too long: it is skipped without being held.</summary>
    private static async IAsyncEnumerable<string?> LinesAsync(StreamReader reader, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (line, isLong) = (new StringBuilder(), false);
        var buffer = new char[16 * 1024];
        int read;
        while ((read = await reader.ReadAsync(buffer, cancellationToken)) > 0)
        {
            for (var from = 0; from < read;)
            {
                var end = Array.IndexOf(buffer, '\n', from, read - from);
                var part = (end < 0 ? read : end) - from;
                isLong |= line.Length + part > MostChars;
                if (!isLong)
                    line.Append(buffer, from, part);
                if (end >= 0)
                {
                    yield return isLong ? null : Trimmed(line);
                    line.Clear();
                    isLong = false;
                }

                from = end < 0 ? read : end + 1;
            }
        }

        if (line.Length > 0 || isLong)
            yield return isLong ? null : Trimmed(line);
    }

    private static string Trimmed(StringBuilder line) => line.Length > 0 && line[^1] == '\r' ? line.ToString(0, line.Length - 1) : line.ToString();

    private static PreloadText? Parse(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement switch
            {
                { ValueKind: JsonValueKind.String } text => new PreloadText(text.GetString()!),
                { ValueKind: JsonValueKind.Object } item when item.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String =>
                    new PreloadText(text.GetString()!, item.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.String ? model.GetString() : null),
                _ => null,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
