using System.Text;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Catalogs.Documents;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>Reads what a server's program says on its standard error, so that it never waits for us; logs a bounded part of it, without the secrets it was given.</summary>
internal sealed partial class StandardErrorLog(McpSource source, ILogger logger)
{
    private const int LongestLine = 300;
    private const int MostLines = 200;

    private readonly McpSecrets _secrets = new(source);
    private int _lines;

    /// <summary>The last line that says something. Null: none did.</summary>
    public string? Last { get; private set; }

    public async Task ReadAsync(Stream errors)
    {
        var buffer = new byte[4096];
        // Longer than what is kept, so that a secret at the cut is still seen whole.
        var line = new byte[LongestLine * 16];
        var length = 0;
        try
        {
            int read;
            while ((read = await errors.ReadAsync(buffer).ConfigureAwait(false)) > 0)
            {
                foreach (var value in buffer.AsSpan(0, read))
                {
                    if (value == (byte)'\n')
                    {
                        Add(line.AsSpan(0, length));
                        length = 0;
                    }
                    else if (length < line.Length)
                    {
                        line[length++] = value;
                    }
                }
            }

            Add(line.AsSpan(0, length));
        }
        catch (Exception fault) when (fault is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The program has ended, or we have turned away from it.
        }
    }

    private void Add(ReadOnlySpan<byte> bytes)
    {
        var text = Encoding.UTF8.GetString(bytes).Trim();
        if (text.Length == 0)
            return;
        text = string.Concat(_secrets.Hide(text).Where(c => !char.IsControl(c)).Take(LongestLine));
        Last = text;
        if (++_lines <= MostLines)
            LogLine(source.Name, text);
        else if (_lines == MostLines + 1)
            LogMuted(source.Name, MostLines);
    }

    [LoggerMessage(EventId = 414, EventName = "McpStandardError", Level = LogLevel.Information, Message = "MCP server {Server}: {Text}")]
    private partial void LogLine(string server, string text);

    [LoggerMessage(EventId = 415, EventName = "McpStandardErrorMuted", Level = LogLevel.Information, Message = "MCP server {Server} has said {Lines} lines; no more of them are logged until it is started again")]
    private partial void LogMuted(string server, int lines);
}
