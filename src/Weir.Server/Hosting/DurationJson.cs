using System.Text.Json;
using System.Text.Json.Serialization;
using Weir.Server.Configuration.Shapes;

namespace Weir.Server.Hosting;

/// <summary>Durations on the wire are written as in the configuration: <c>"30s"</c>, <c>"900ms"</c>.</summary>
internal sealed class DurationJson : JsonConverter<TimeSpan>
{
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && DurationText.Read(reader.GetString()!) is { } span ? span : throw new JsonException();

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) => writer.WriteStringValue(DurationText.Write(value));
}
