using System.Collections.Frozen;

namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>The words of a query that say something, each once.</summary>
internal static class QueryWords
{
    /// <summary>More are not looked at: nobody asks for a tool in more words.</summary>
    public const int Most = 64;

    private static readonly FrozenSet<string> Empty = FrozenSet.ToFrozenSet(
        ("a about all am an and any are as at be been but by can could did do does for from had has have how i if in into is it its just kindly let like me " +
        "my need of on onto or our out please s shall should so some tell than that the their them then there these they this those to tool tools up us use using want was we " +
        "were what when where which who whom why will with would you your d ll m re t ve").Split(' '));

    public static List<ToolWord> Of(string query)
    {
        var all = ToolWords.Of(query);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var telling = all.Where(word => !Empty.Contains(word.Written) && seen.Add(word.Term)).Take(Most).ToList();
        // A query of nothing but such words means them.
        return telling.Count > 0 ? telling : all.DistinctBy(word => word.Term).Take(Most).ToList();
    }
}
