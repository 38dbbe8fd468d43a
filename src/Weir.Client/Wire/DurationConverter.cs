using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Weir.Client.Wire;

/// <summary>Durations as Weir reads them: <c>"900s"</c>, <c>"1500ms"</c>.</summary>
internal sealed class DurationConverter : JsonConverter<TimeSpan>
{
    public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("Durations are only written.");

    public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options)
    {
        var milliseconds = (long)value.TotalMilliseconds;
        writer.WriteStringValue(milliseconds % 1000 == 0
            ? (milliseconds / 1000).ToString(CultureInfo.InvariantCulture) + "s"
            : milliseconds.ToString(CultureInfo.InvariantCulture) + "ms");
    }
}
