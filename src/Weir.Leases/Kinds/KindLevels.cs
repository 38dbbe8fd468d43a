namespace Weir.Leases.Kinds;

/// <summary>
/// How many levels of arrays and objects the JSON may have that kinds take and tell. It is judged when it comes in, so that there is nothing in a lease or an observation that could not be
/// written: what stands around it in a document and in an answer fits into the 64 levels that parsers take by default, Weir's clients among them.
/// </summary>
public static class KindLevels
{
    /// <summary>Of a config.</summary>
    public const int Config = 32;

    /// <summary>Of what a kind tells of a resource that it has initialised.</summary>
    public const int Details = 32;

    /// <summary>Of an accessibility tree: four levels stand around it in a lease that is answered with what it shows.</summary>
    public const int Tree = 60;
}
