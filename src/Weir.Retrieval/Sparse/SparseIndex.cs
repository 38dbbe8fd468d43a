using System.Text;
using Weir.Retrieval.Text;

namespace Weir.Retrieval.Sparse;

/// <summary>An inverted index of texts: one writer at a time, and readers of its snapshots who never wait.</summary>
internal sealed class SparseIndex(SparseSettings? settings = null)
{
    private readonly SparseSettings _settings = settings ?? new();
    private volatile SparseSnapshot _snapshot = new(new Dictionary<long, IReadOnlyDictionary<string, int>>(), settings ?? new());

    public SparseSnapshot Snapshot => _snapshot;

    /// <summary>Publishes one new snapshot with all of this done.</summary>
    /// <param name="upserts">Each id once. Ids of removed texts do not come back.</param>
    /// <param name="removals">Ids; unknown ones are passed over.</param>
    public void Apply(IReadOnlyList<SparseUpsert> upserts, IReadOnlyList<long> removals)
    {
        var texts = new Dictionary<long, IReadOnlyDictionary<string, int>>(_snapshot.Texts);
        foreach (var id in removals)
            texts.Remove(id);
        foreach (var upsert in upserts)
            texts[upsert.Id] = Terms(upsert.Text);
        _snapshot = new(texts, _settings);
    }

    internal static Dictionary<string, int> Terms(string text)
    {
        var terms = new Dictionary<string, int>(StringComparer.Ordinal);
        var term = new StringBuilder();
        Span<char> folded = stackalloc char[CharacterFolding.MaxLength];
        foreach (var rune in text.EnumerateRunes())
        {
            foreach (var part in ((ReadOnlySpan<char>)folded[..CharacterFolding.Fold(rune, folded)]).EnumerateRunes())
            {
                if (CharacterClass.Of(part) != CharacterKind.Word)
                    End();
                if (CharacterClass.Of(part) != CharacterKind.Separator)
                    term.Append(part.ToString());
                if (CharacterClass.Of(part) == CharacterKind.Unsegmented)
                    End();
            }
        }

        End();
        return terms;

        void End()
        {
            if (term.Length > 0)
                terms[term.ToString()] = terms.GetValueOrDefault(term.ToString()) + 1;
            term.Clear();
        }
    }
}
