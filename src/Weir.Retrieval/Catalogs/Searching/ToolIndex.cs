namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>One version of a catalog, ready to be searched. Immutable: a search uses one from its beginning to its end.</summary>
internal sealed class ToolIndex
{
    private readonly Dictionary<string, int> _byName;
    private readonly Dictionary<string, int> _frequencies;

    private ToolIndex(Documents.CatalogEntry entry, IReadOnlyList<ToolDefinition> tools, string[] nameWords, FieldIndex[] fields, Dictionary<string, int> frequencies)
    {
        (Entry, Tools, NameWords, Fields, _frequencies) = (entry, tools, nameWords, fields, frequencies);
        _byName = new Dictionary<string, int>(tools.Count, StringComparer.Ordinal);
        for (var i = 0; i < tools.Count; i++)
            _byName.TryAdd(tools[i].Name, i);
    }

    /// <summary>The version of the catalog that this is.</summary>
    public Documents.CatalogEntry Entry { get; }

    public IReadOnlyList<ToolDefinition> Tools { get; }

    /// <summary>The words of each tool's name, as <see cref="NameMatcher"/> compares them.</summary>
    public string[] NameWords { get; }

    /// <summary>By <see cref="ToolField"/>.</summary>
    public FieldIndex[] Fields { get; }

    /// <summary>By <see cref="ToolField"/>. Null: the embedding model gave none, and words alone decide.</summary>
    public FieldVectors[]? Vectors { get; private init; }

    /// <summary>Of the model that made the vectors. Empty: there was nothing to embed.</summary>
    public string Revision { get; private init; } = "";

    /// <summary>Why there are no vectors. Null: there are.</summary>
    public string? VectorsMissing { get; private init; }

    public long Bytes { get; private init; }

    public static ToolIndex Build(Documents.CatalogEntry entry, IReadOnlyList<ToolDefinition> tools, IReadOnlyList<string>[] texts)
    {
        var shared = new Dictionary<string, string>(StringComparer.Ordinal);
        var fields = Array.ConvertAll(texts, field => FieldIndex.Build(field, shared));
        var frequencies = new Dictionary<string, int>(StringComparer.Ordinal);
        var terms = new HashSet<string>(StringComparer.Ordinal);
        for (var tool = 0; tool < tools.Count; tool++)
        {
            terms.Clear();
            foreach (var field in fields)
                terms.UnionWith(field.TermsOf(tool));
            foreach (var term in terms)
                System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(frequencies, term, out _)++;
        }

        var bytes = fields.Sum(field => field.Bytes) + (frequencies.Count * 60L)
            + tools.Sum(tool => 200L + (2L * tool.Description.Length) + (tool.Parameters is { } schema ? System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(schema).Length * 2L : 0));
        return new ToolIndex(entry, tools, [.. tools.Select(tool => NameMatcher.Words(tool.Name))], fields, frequencies) { Bytes = bytes, VectorsMissing = "they have not been made yet" };
    }

    public ToolIndex With(FieldVectors[] vectors, string revision) => new(Entry, Tools, NameWords, Fields, _frequencies)
    {
        Vectors = vectors,
        Revision = revision,
        Bytes = Bytes + vectors.Sum(field => field.Bytes),
    };

    public ToolIndex Without(string reason) => new(Entry, Tools, NameWords, Fields, _frequencies) { Bytes = Bytes, VectorsMissing = reason };

    public bool TryFind(string name, out int tool) => _byName.TryGetValue(name, out tool);

    /// <summary>How much a word tells: the fewer tools have it, the more (BM25's inverse document frequency). One that no tool has counts for half.</summary>
    public float RarityOf(string term)
    {
        var frequency = _frequencies.GetValueOrDefault(term);
        var rarity = MathF.Log(1 + ((Tools.Count - frequency + 0.5f) / (frequency + 0.5f)));
        return frequency == 0 ? rarity / 2 : rarity;
    }
}
