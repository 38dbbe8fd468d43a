using System.Text.Json;

namespace Weir.Retrieval.Catalogs;

/// <summary>A file with a list of tools.</summary>
public static class CatalogFile
{
    /// <summary>What is wrong with it, with the place inside, in a sentence without a full stop. Null: nothing.</summary>
    public static string? FaultOf(string path)
    {
        Read(path, new CatalogLimits(), out var fault);
        return fault?.TrimEnd('.');
    }

    internal static JsonElement? Read(string path, CatalogLimits limits, out string? fault)
    {
        fault = null;
        try
        {
            var file = new FileInfo(path);
            if (!file.Exists)
            {
                fault = "there is no such file";
                return null;
            }

            if (file.Length > limits.CatalogBytes)
            {
                fault = $"it takes {file.Length} bytes; a catalog may take {limits.CatalogBytes}";
                return null;
            }

            using var document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            var root = document.RootElement;
            var list = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("tools", out var tools) ? tools : root;
            new ToolListReader(limits).Read(list, "tools", out var error);
            fault = error?.Message;
            return fault is null ? list.Clone() : null;
        }
        catch (JsonException broken)
        {
            fault = $"it is not JSON at line {broken.LineNumber + 1}, byte {broken.BytePositionInLine + 1}";
        }
        catch (Exception away) when (away is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            fault = $"it cannot be read: {away.Message}";
        }

        return null;
    }
}
