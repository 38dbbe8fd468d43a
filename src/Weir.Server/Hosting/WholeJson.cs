using System.Text.Json;
using System.Text.Json.Serialization;
using Weir.State.Texts;

namespace Weir.Server.Hosting;

/// <summary>Reads a value of any shape, and refuses one that holds what is no text: typed fields are read as text at once, and refuse it themselves.</summary>
internal sealed class WholeElementJson : JsonConverter<JsonElement>
{
    public override JsonElement Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var value = JsonElement.ParseValue(ref reader);
        return ForeignJson.FaultOf(value) is { } fault ? throw new NoTextException(fault) : value;
    }

    public override void Write(Utf8JsonWriter writer, JsonElement value, JsonSerializerOptions options) => value.WriteTo(writer);
}

/// <summary>The same for a body of any shape.</summary>
internal sealed class WholeDocumentJson : JsonConverter<JsonDocument>
{
    public override JsonDocument Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var document = JsonDocument.ParseValue(ref reader);
        if (ForeignJson.FaultOf(document.RootElement) is not { } fault)
            return document;
        document.Dispose();
        throw new NoTextException(fault);
    }

    public override void Write(Utf8JsonWriter writer, JsonDocument value, JsonSerializerOptions options) => value.WriteTo(writer);
}

/// <summary>The serializer adds the path of the value; the fault's own path goes on from there.</summary>
internal sealed class NoTextException(JsonFault fault) : JsonException(fault.Message)
{
    public JsonFault Fault => fault;
}
