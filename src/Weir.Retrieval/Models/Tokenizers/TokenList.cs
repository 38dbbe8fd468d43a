namespace Weir.Retrieval.Models.Tokenizers;

/// <summary>A list of tokens that a thread keeps for its next text.</summary>
internal static class TokenList
{
    private const int Kept = 1 << 14;

    [ThreadStatic]
    private static List<int>? _spare;

    public static List<int> Rent()
    {
        var spare = _spare ?? new List<int>(256);
        _spare = null;
        return spare;
    }

    public static void Return(List<int> list)
    {
        if (list.Capacity > Kept)
            return;
        list.Clear();
        _spare = list;
    }
}
