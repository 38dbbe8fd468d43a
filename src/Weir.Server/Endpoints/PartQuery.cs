using Microsoft.AspNetCore.Http;
using Weir.Server.Configuration.Shapes;
using Weir.Server.Errors;

namespace Weir.Server.Endpoints;

/// <summary>Reads what the query of a list may say.</summary>
internal static class PartQuery
{
    private const int Usual = 100;
    private const int Most = 1000;
    private const int LongestId = 300;

    /// <summary>Reads <c>limit</c> and <c>after</c>.</summary>
    public static bool TryRead(HttpRequest request, out int limit, out string? after, out ApiError error)
    {
        (limit, after, error) = (Usual, null, null!);
        if (request.Query["limit"] is [var count] && (!int.TryParse(count, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out limit) || limit is < 1 or > Most))
            error = ApiError.Malformed($"'limit' must be from 1 to {Most}.", "limit");
        if (request.Query["after"] is [{ Length: > 0 } id])
            (after, error) = (id, id.Length <= LongestId ? error : ApiError.Malformed("'after' must be what the page before gave.", "after"));
        return error is null;
    }

    /// <summary>Reads one of the words that an enumeration has on the wire; null where the query does not say.</summary>
    public static bool TryReadWord<T>(HttpRequest request, string name, ref T? value, out ApiError error)
        where T : struct, Enum
    {
        error = null!;
        if (request.Query[name] is not [{ Length: > 0 } text])
            return true;
        foreach (var known in Enum.GetValues<T>())
        {
            if (ShapeReader.WireName(known.ToString()) == text)
            {
                value = known;
                return true;
            }
        }

        error = ApiError.Malformed($"'{name}' takes {string.Join(", ", Enum.GetNames<T>().Select(ShapeReader.WireName))}.", name);
        return false;
    }
}
