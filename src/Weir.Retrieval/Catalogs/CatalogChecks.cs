using System.Text.Json;

namespace Weir.Retrieval.Catalogs;

/// <summary>What can be known to be wrong with a configured catalog before anything is started.</summary>
public static class CatalogChecks
{
    /// <summary>What is wrong with a file of tools, with the place inside, in a sentence without a full stop. Null: nothing.</summary>
    public static string? FaultOfFile(string path)
    {
        ReadFile(path, new CatalogLimits(), out var fault);
        return fault?.TrimEnd('.');
    }

    /// <summary>What is wrong with MCP servers as the configuration names them, with its place below <paramref name="place"/>. Null: nothing.</summary>
    public static RetrievalError? FaultOf(IReadOnlyList<McpSourceOptions> servers, string place)
    {
        Mcp.McpSourceReader.Read(servers, place, isTrusted: true, new CatalogLimits(), out var error);
        return error;
    }

    internal static JsonElement? ReadFile(string path, CatalogLimits limits, out string? fault)
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
