namespace Weir.Server.Configuration.Reading;

/// <summary>Where a value was written. Ordered as a reader would look: the file from top to bottom, then whatever overrides it.</summary>
internal sealed record Origin(string Source, int Line = 0, int Column = 0) : IComparable<Origin>
{
    public int CompareTo(Origin? other)
    {
        if (other is null)
        {
            return 1;
        }

        // Only files have lines, and they come first.
        var byKind = (Line == 0).CompareTo(other.Line == 0);
        return byKind != 0 ? byKind : (Line, Column).CompareTo((other.Line, other.Column));
    }

    public override string ToString() => Line == 0 ? Source : $"{Source}:{Line}:{Column}";
}
