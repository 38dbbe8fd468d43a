using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Simulation;

namespace Weir.Cli.Run.Tasks;

/// <summary>Reads a task from its line: a JSON object, or plain text, which is a prompt with the line's number as its id.</summary>
internal static class TaskLine
{
    private const int LongestId = 200;
    private const int MostLabels = 28;
    private const int LongestLabel = 64;
    private const int LongestValue = 256;

    // Some levels less than requests have: its config stands within one.
    private const int MostLevels = 60;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static bool IsBlank(ReadOnlySpan<byte> line) => line.Trim(" \t\r"u8).IsEmpty;

    /// <returns>The task, or what is wrong with the line.</returns>
    public static (RunTask? Task, string? Fault) Read(ReadOnlyMemory<byte> line, int number)
    {
        string text;
        try
        {
            text = Strict.GetString(line.Span).Trim().Trim('\uFEFF');
        }
        catch (DecoderFallbackException)
        {
            return (null, "it is not UTF-8");
        }

        var ownId = number.ToString(CultureInfo.InvariantCulture);
        if (!text.StartsWith('{'))
            return (new RunTask(ownId, Write(new JsonObject { ["id"] = ownId, ["prompt"] = text })) { Prompt = text }, null);

        // Before it is parsed: names that are no texts cannot even be compared.
        if (HalfPairs.AreIn(line.Span))
            return (null, "it holds " + HalfPairs.Fault);
        try
        {
            using var json = JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false, MaxDepth = MostLevels });
            return OfObject(json.RootElement, text, ownId);
        }
        catch (JsonException fault)
        {
            return (null, $"it begins like a JSON object and is none, or nests deeper than {MostLevels} levels: byte {fault.BytePositionInLine + 1}");
        }
    }

    private static (RunTask? Task, string? Fault) OfObject(JsonElement json, string text, string ownId)
    {
        var id = ownId;
        if (json.TryGetProperty("id", out var given))
        {
            id = given.ValueKind switch
            {
                JsonValueKind.String => given.GetString()!,
                JsonValueKind.Number => given.GetRawText(),
                _ => "",
            };
            if (id.Length is 0 or > LongestId || id.Any(char.IsControl))
                return (null, $"its id is not a text of 1 to {LongestId} characters, nor a number");
        }
        else
        {
            var whole = JsonObject.Create(json.Clone())!;
            whole.Insert(0, "id", id);
            text = Write(whole);
        }

        string? prompt = null;
        if (json.TryGetProperty("prompt", out var asked))
        {
            if (asked.ValueKind is not JsonValueKind.String)
                return (null, "its prompt is not a text");
            prompt = asked.GetString();
        }
        else if (json.TryGetProperty("input", out var input))
        {
            prompt = input.ValueKind is JsonValueKind.String ? input.GetString() : input.GetRawText();
        }

        IReadOnlyList<KindCount>? kinds = null;
        if (json.TryGetProperty("kinds", out var needs))
        {
            (kinds, var fault) = KindCount.Parse(needs);
            if (fault is not null)
                return (null, fault);
        }

        JsonObject? config = null;
        if (json.TryGetProperty("config", out var configs))
        {
            if (configs.ValueKind is not JsonValueKind.Object)
                return (null, "its config is not an object by kind, such as {\"rag\": {\"top_k\": 5}}");
            config = JsonObject.Create(configs.Clone());
        }

        TimeSpan? timeout = null;
        if (json.TryGetProperty("timeout", out var bound) && (timeout = TimeoutOf(bound)) is null)
            return (null, "its timeout is no duration above 0 such as \"90s\", or a number of seconds");

        Dictionary<string, string>? labels = null;
        if (json.TryGetProperty("labels", out var named))
        {
            if (named.ValueKind is not JsonValueKind.Object || named.EnumerateObject().Any(label => label.Value.ValueKind is not JsonValueKind.String)
                || named.EnumerateObject().Any(label => label.Name.Length is 0 or > LongestLabel || label.Value.GetString()!.Length > LongestValue)
                || (labels = named.EnumerateObject().ToDictionary(label => label.Name, label => label.Value.GetString()!)).Count > MostLabels)
            {
                return (null, $"its labels are not an object of at most {MostLabels} texts of at most {LongestValue} characters, with names of 1 to {LongestLabel}");
            }
        }

        return (new RunTask(id, text) { Prompt = prompt, Kinds = kinds, Config = config, Timeout = timeout, Labels = labels }, null);
    }

    private static TimeSpan? TimeoutOf(JsonElement value)
    {
        var span = value.ValueKind switch
        {
            JsonValueKind.String when Duration.TryParse(value.GetString(), out var read) => read,
            JsonValueKind.Number when value.TryGetDouble(out var seconds) && seconds is > 0 and <= 86_400 => TimeSpan.FromSeconds(seconds),
            _ => TimeSpan.Zero,
        };
        return span > TimeSpan.Zero ? span : null;
    }

    private static string Write(JsonObject task) => task.ToJsonString(Relaxed);
}
