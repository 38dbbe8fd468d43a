using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.Server.Hosting;

/// <summary>How Weir's own bodies look: snake_case, nulls left out, enums as words.</summary>
internal static class WireJson
{
    /// <summary>The most levels of a body that a client sends: what is kept of it still has to fit into an answer.</summary>
    public const int MostLevels = 32;

    // As many as parsers take by default. What kinds tell fits, with what stands around it: KindLevels.
    private const int MostLevelsWritten = 64;

    /// <summary>For what is written, and for what Weir itself wrote.</summary>
    public static readonly JsonSerializerOptions Options = Create(_ => { });

    /// <summary>For what clients send: nothing in it is too deep to be written again, or no text.</summary>
    public static readonly JsonSerializerOptions Bodies = Create(options =>
    {
        options.MaxDepth = MostLevels;
        options.Converters.Add(new WholeElementJson());
        options.Converters.Add(new WholeDocumentJson());
    });

    /// <summary>For reading a server's answers: a newer one may say more than this program knows.</summary>
    public static readonly JsonSerializerOptions Reading = Create(options => options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip);

    public static void Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.DictionaryKeyPolicy = null;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.MaxDepth = MostLevelsWritten;
        options.Converters.Add(new DurationJson());
        if (!options.Converters.OfType<JsonStringEnumConverter>().Any())
            options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower));
    }

    private static JsonSerializerOptions Create(Action<JsonSerializerOptions> change)
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        Configure(options);
        change(options);
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
