using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.Server.Hosting;

/// <summary>How Weir's own bodies look: snake_case, nulls left out, enums as words.</summary>
internal static class WireJson
{
    public static readonly JsonSerializerOptions Options = Create(tolerant: false);

    /// <summary>For reading a server's answers: a newer one may say more than this program knows.</summary>
    public static readonly JsonSerializerOptions Reading = Create(tolerant: true);

    public static void Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
        options.DictionaryKeyPolicy = null;
        options.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping;
        options.MaxDepth = 32;
        options.Converters.Add(new DurationJson());
        if (!options.Converters.OfType<JsonStringEnumConverter>().Any())
            options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower));
    }

    private static JsonSerializerOptions Create(bool tolerant)
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web);
        Configure(options);
        if (tolerant) options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip;
        options.MakeReadOnly(populateMissingResolver: true);
        return options;
    }
}
