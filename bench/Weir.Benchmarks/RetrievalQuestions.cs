using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.Benchmarks;

/// <summary>Texts, and questions whose evidence among them is known.</summary>
internal sealed record RetrievalQuestions(IReadOnlyList<RetrievalDocument> Documents, IReadOnlyList<RetrievalQuestion> Questions)
{
    /// <param name="folder">Holds documents.jsonl and questions.jsonl.</param>
    /// <exception cref="InvalidDataException">A line is not what it should be; the message says which.</exception>
    public static RetrievalQuestions Load(string folder)
    {
        var documents = Read<RetrievalDocument>(Path.Combine(folder, "documents.jsonl"));
        var questions = Read<RetrievalQuestion>(Path.Combine(folder, "questions.jsonl"));
        var known = documents.Select(d => d.Id).ToHashSet(StringComparer.Ordinal);
        if (known.Count != documents.Count)
            throw new InvalidDataException($"documents.jsonl has two documents of one id: {documents.GroupBy(d => d.Id).First(g => g.Count() > 1).Key}.");
        foreach (var question in questions)
        {
            if (question.Evidence.Count == 0 || question.Evidence.FirstOrDefault(id => !known.Contains(id)) is not null)
                throw new InvalidDataException($"Question '{question.Id}' must name evidence, all of it documents of documents.jsonl.");
        }

        return new(documents, questions);
    }

    private static List<T> Read<T>(string path)
    {
        var items = new List<T>();
        var number = 0;
        foreach (var line in File.ReadLines(path))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line))
                continue;
            try
            {
                items.Add(JsonSerializer.Deserialize<T>(line, JsonSerializerOptions.Web) ?? throw new JsonException("null"));
            }
            catch (JsonException e)
            {
                throw new InvalidDataException($"{path}, line {number}: {e.Message}", e);
            }
        }

        return items;
    }
}

/// <param name="Id">Unique.</param>
/// <param name="Title">Searched with the text, before it; may be missing.</param>
/// <param name="Text">The text.</param>
internal sealed record RetrievalDocument([property: JsonRequired] string Id, string? Title, [property: JsonRequired] string Text);

/// <param name="Id">Unique.</param>
/// <param name="Question">As somebody would ask it.</param>
/// <param name="Evidence">The ids of all documents that answer it.</param>
/// <param name="Kind">Of which group it is; each group has its own figures. May be missing.</param>
internal sealed record RetrievalQuestion([property: JsonRequired] string Id, [property: JsonRequired] string Question, [property: JsonRequired] IReadOnlyList<string> Evidence, string? Kind);
