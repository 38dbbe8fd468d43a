using System.Text.Json;

namespace Weir.Retrieval.Catalogs;

/// <summary>Whether all names and texts of a piece of JSON are text: an escape may be half of a surrogate pair, which can be read and never written again.</summary>
internal static class JsonTexts
{
    public static bool AreWhole(JsonElement element)
    {
        try
        {
            Visit(element);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static void Visit(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    Visit(item);
                break;
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    _ = member.Name;
                    Visit(member.Value);
                }

                break;
        }
    }
}
