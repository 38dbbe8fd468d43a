using System.Buffers;
using System.Text.Json;
using Weir.Inference.Caching;

namespace Weir.Inference.Embeddings;

/// <summary>What an embeddings request asks for, found by one scan: where each of its inputs stands, and all else that must agree before requests go together.</summary>
internal sealed class EmbeddingInputs
{
    private readonly ReadOnlyMemory<byte> _body;
    private readonly Range[] _places;

    private EmbeddingInputs(ReadOnlyMemory<byte> body, Range[] places, bool areTokens, bool isSingle, ReadOnlyMemory<byte> parameters)
    {
        _body = body;
        _places = places;
        AreTokens = areTokens;
        IsSingle = isSingle;
        Parameters = parameters;
    }

    public int Count => _places.Length;

    /// <summary>Each input is a list of tokens, as opposed to a text: the two do not mix in one call.</summary>
    public bool AreTokens { get; }

    /// <summary>One input that does not stand in a list.</summary>
    public bool IsSingle { get; }

    /// <summary>The other fields as JSON, each with a comma before it, ordered by name; without <c>model</c> and <c>user</c>.</summary>
    public ReadOnlyMemory<byte> Parameters { get; }

    /// <summary>An input as it stands in the body; valid for as long as the body is.</summary>
    public ReadOnlyMemory<byte> this[int index] => _body[_places[index]];

    /// <summary>Null where the body is not one that can go together with others: what is wrong with it is for the provider to say.</summary>
    public static EmbeddingInputs? Read(ReadOnlyMemory<byte> body)
    {
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = Requests.RequestHeadScanner.MaxDepth });
        List<Range>? places = null;
        List<(Range Name, Range Value)>? others = null;
        bool areTokens = false, isSingle = false;
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = (int)reader.TokenStartIndex..(int)(reader.TokenStartIndex + reader.ValueSpan.Length + 2);
            if (reader.ValueTextEquals("input"u8))
            {
                reader.Read();
                if (places is not null || ReadInput(ref reader, out areTokens, out isSingle) is not { } found)
                {
                    return null;
                }

                places = found;
                continue;
            }

            var counts = !reader.ValueTextEquals("model"u8) && !reader.ValueTextEquals("user"u8);
            reader.Read();
            var value = ReadValue(ref reader);
            if (counts)
            {
                (others ??= []).Add((name, value));
            }
        }

        return places is null ? null : new EmbeddingInputs(body, [.. places], areTokens, isSingle, others is null ? [] : Join(body, others));
    }

    /// <summary>Each input once, in the order of their first, and where each of these stands among them.</summary>
    public (EmbeddingInputs Inputs, int[] Places) Distinct()
    {
        var known = new Dictionary<ReadOnlyMemory<byte>, int>(BytesEquality.Instance);
        var kept = new List<Range>();
        var places = new int[Count];
        for (var i = 0; i < places.Length; i++)
        {
            if (!known.TryGetValue(this[i], out places[i]))
            {
                known.Add(this[i], places[i] = kept.Count);
                kept.Add(_places[i]);
            }
        }

        return (new EmbeddingInputs(_body, [.. kept], AreTokens, IsSingle, Parameters), places);
    }

    /// <summary>Writes all that makes two requests ask for the same vectors in the same shape.</summary>
    public void WriteTo(KeyWriter key)
    {
        key.Bytes(Parameters.Span);
        key.Tag(IsSingle ? 's' : 'l');
        key.Tag(AreTokens ? 't' : 'w');
        key.Number(Count);
        foreach (var place in _places)
        {
            key.Bytes(_body.Span[place]);
        }
    }

    private static List<Range>? ReadInput(ref Utf8JsonReader reader, out bool areTokens, out bool isSingle)
    {
        areTokens = false;
        isSingle = reader.TokenType == JsonTokenType.String;
        if (isSingle)
        {
            return [ReadValue(ref reader)];
        }

        if (reader.TokenType != JsonTokenType.StartArray)
        {
            return null;
        }

        var start = (int)reader.TokenStartIndex;
        reader.Read();
        if (reader.TokenType == JsonTokenType.Number)
        {
            (areTokens, isSingle) = (true, true);
            return SkipNumbers(ref reader) ? [start..(int)reader.BytesConsumed] : null;
        }

        var kind = reader.TokenType;
        areTokens = kind == JsonTokenType.StartArray;
        if (kind is not (JsonTokenType.String or JsonTokenType.StartArray))
        {
            return null;
        }

        var places = new List<Range>();
        for (; reader.TokenType != JsonTokenType.EndArray; reader.Read())
        {
            if (reader.TokenType != kind)
            {
                return null;
            }

            places.Add(ReadValue(ref reader));
        }

        return places;
    }

    private static bool SkipNumbers(ref Utf8JsonReader reader)
    {
        while (reader.TokenType == JsonTokenType.Number)
        {
            reader.Read();
        }

        return reader.TokenType == JsonTokenType.EndArray;
    }

    private static Range ReadValue(ref Utf8JsonReader reader)
    {
        var start = (int)reader.TokenStartIndex;
        reader.Skip();
        return start..(int)reader.BytesConsumed;
    }

    private static byte[] Join(ReadOnlyMemory<byte> body, List<(Range Name, Range Value)> fields)
    {
        // Stable: of a field that is given twice the provider reads the one that it would have read.
        var ordered = fields.OrderBy(field => body[field.Name], BytesOrder.Instance);
        var joined = new ArrayBufferWriter<byte>();
        foreach (var (name, value) in ordered)
        {
            joined.Write(","u8);
            joined.Write(body.Span[name]);
            joined.Write(":"u8);
            joined.Write(body.Span[value]);
        }

        return joined.WrittenSpan.ToArray();
    }

    private sealed class BytesOrder : IComparer<ReadOnlyMemory<byte>>
    {
        public static readonly BytesOrder Instance = new();

        public int Compare(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceCompareTo(y.Span);
    }
}
