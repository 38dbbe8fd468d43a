namespace Weir.State.Documents;

/// <summary>
/// The order of keys: by their UTF-8 bytes, as SQLite and Redis compare them. It differs from the ordinal order of UTF-16 only
/// where surrogates meet characters from U+E000 up.
/// </summary>
internal sealed class KeyOrder : IComparer<string>
{
    public static readonly KeyOrder Instance = new();

    public int Compare(string? x, string? y)
    {
        if (x is null || y is null)
            return x is null ? (y is null ? 0 : -1) : 1;
        var at = x.AsSpan().CommonPrefixLength(y);
        if (at == x.Length || at == y.Length)
            return x.Length - y.Length;
        return Weight(x[at]) - Weight(y[at]);
    }

    private static int Weight(char c) => c switch
    {
        >= '\uE000' => c - 0x800,
        >= '\uD800' => c + 0x2000,
        _ => c,
    };
}
