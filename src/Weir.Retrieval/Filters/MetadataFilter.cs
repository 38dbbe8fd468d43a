using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Weir.Retrieval.Filters;

/// <summary>
/// Which documents a search may find, by their metadata: JSON in the manner of MongoDB. All fields of an object must hold. A field is a name or a path
/// of names with points between them; where the metadata has a list, one element that holds is enough. Types are compared strictly: the text "1" is not
/// the number 1, and null is null, not what is missing.
/// </summary>
internal sealed class MetadataFilter
{
    private readonly FilterNode _root;

    private MetadataFilter(FilterNode root) => _root = root;

    /// <param name="json">Not used any more once this returns.</param>
    /// <param name="filter">Null where there is an error.</param>
    /// <param name="error">Names the place, and what may stand there.</param>
    public static bool TryParse(JsonElement json, [NotNullWhen(true)] out MetadataFilter? filter, [NotNullWhen(false)] out RetrievalError? error)
    {
        var parser = new FilterParser();
        FilterNode? root = null;
        try
        {
            root = parser.Parse(json);
            error = parser.Error;
        }
        catch (InvalidOperationException)
        {
            // JSON may escape half of a surrogate pair, which no text holds.
            error = new RetrievalError(400, "invalid_filter", "filter holds half of a surrogate pair, which is no character.") { Param = "filter" };
        }

        filter = root is null ? null : new MetadataFilter(root);
        return filter is not null;
    }

    /// <param name="metadata">Anything but an object has no fields.</param>
    public bool Matches(JsonElement metadata)
    {
        try
        {
            return _root.Matches(metadata);
        }
        catch (InvalidOperationException)
        {
            // The same of metadata: what cannot be read is not found.
            return false;
        }
    }
}
