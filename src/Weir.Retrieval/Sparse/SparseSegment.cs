namespace Weir.Retrieval.Sparse;

/// <summary>Texts that were indexed together: immutable. A text's ordinal is its place in the order of ids.</summary>
internal sealed class SparseSegment
{
    /// <summary>An ordinal has 24 bits.</summary>
    public const int MaxTexts = 1 << 24;

    /// <summary>A term that stands more often in a text counts as this often.</summary>
    public const int MaxFrequency = byte.MaxValue;

    /// <summary>Ascending.</summary>
    public required long[] Ids { get; init; }

    /// <summary>In terms, each as often as it stands there.</summary>
    public required int[] Lengths { get; init; }

    public required TermTable Terms { get; init; }

    /// <summary>Where each term's postings begin, and where the last end.</summary>
    public required int[] PostingStarts { get; init; }

    /// <summary>An ordinal, and how often the term stands there in the low 8 bits; ascending within a term.</summary>
    public required uint[] Postings { get; init; }

    /// <summary>What a term can score at most follows from these: its highest frequency, and the length of the shortest text that has it.</summary>
    public required byte[] HighestFrequencies { get; init; }

    public required int[] ShortestLengths { get; init; }

    /// <summary>Where each text's terms begin in <see cref="Forward"/>, and where the last end.</summary>
    public required int[] ForwardStarts { get; init; }

    /// <summary>The terms of each text: number (7 bits a byte, low first) and frequency (a byte).</summary>
    public required byte[] Forward { get; init; }

    public long Bytes =>
        (Ids.Length * 8L) + (Lengths.Length * 4L) + Terms.Bytes + (PostingStarts.Length * 4L) + (Postings.Length * 4L) + HighestFrequencies.Length +
        (ShortestLengths.Length * 4L) + (ForwardStarts.Length * 4L) + Forward.Length;

    public ReadOnlySpan<uint> PostingsOf(int term) => Postings.AsSpan(PostingStarts[term], PostingStarts[term + 1] - PostingStarts[term]);

    /// <summary>The text's ordinal; -1: it is not here.</summary>
    public int OrdinalOf(long id) => Math.Max(-1, Array.BinarySearch(Ids, id));

    public ForwardTerms TermsOf(int ordinal) => new(Forward.AsSpan(ForwardStarts[ordinal], ForwardStarts[ordinal + 1] - ForwardStarts[ordinal]));

    public static int OrdinalOf(uint posting) => (int)(posting >> 8);

    public static int FrequencyOf(uint posting) => (int)(posting & 0xff);
}

/// <summary>Reads the terms of one text.</summary>
internal ref struct ForwardTerms(ReadOnlySpan<byte> rest)
{
    private ReadOnlySpan<byte> _rest = rest;

    public int Term { readonly get; private set; }

    public byte Frequency { readonly get; private set; }

    public bool Next()
    {
        if (_rest.IsEmpty)
            return false;
        var (term, shift, at) = (0, 0, 0);
        for (; _rest[at] >= 0x80; at++, shift += 7)
            term |= (_rest[at] & 0x7f) << shift;
        Term = term | (_rest[at] << shift);
        Frequency = _rest[at + 1];
        _rest = _rest[(at + 2)..];
        return true;
    }
}
