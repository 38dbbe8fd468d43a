using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Weir.Simulation.Answers;
using Weir.Simulation.Faults;
using Weir.Simulation.Streaming;

namespace Weir.Simulation.Dialects;

/// <summary>
/// <c>/v1/embeddings</c>: unit vectors that are a function of the text alone. They mean nothing: near texts are not near vectors.
/// </summary>
internal sealed class EmbeddingDialect : Dialect
{
    private const int MaxInputs = 2048;

    public override bool TryRead(JsonElement body, [NotNullWhen(true)] out Prompt? prompt, [NotNullWhen(false)] out Rejection? rejection)
    {
        var fields = new BodyFields(body);
        var model = fields.Model();
        var texts = fields.Texts("input", required: true);
        fields.Count("dimensions", SimulationOptions.MaxDimensions);
        rejection = fields.Fault;
        if (rejection is null && texts.Count > MaxInputs)
            rejection = Rejection.Invalid($"'input' holds {texts.Count} texts; at most {MaxInputs} are taken.", "input", "array_above_max_length");
        prompt = rejection is not null
            ? null
            : new Prompt
            {
                Model = model,
                Texts = texts,
                InputTokens = texts.Sum(text => BodyFields.Tokens(text.Length)),
                // An embedding has no tokens of its own to pace: one for the whole answer.
                MaxTokens = 1,
                Body = body,
            };
        return rejection is null;
    }

    public override void WriteAnswer(Utf8JsonWriter json, Answer answer)
    {
        var body = answer.Prompt.Body;
        var base64 = body.TryGetProperty("encoding_format", out var format) && format.ValueKind == JsonValueKind.String && format.ValueEquals("base64");
        var dimensions = body.TryGetProperty("dimensions", out var asked) && asked.ValueKind == JsonValueKind.Number ? asked.GetInt32() : answer.Dimensions;
        var vector = new float[dimensions];

        json.WriteStartObject();
        json.WriteString("object"u8, "list"u8);
        json.WriteStartArray("data"u8);
        for (var i = 0; i < answer.Prompt.Texts.Count; i++)
        {
            Embed(answer.Prompt.Texts[i], vector);
            json.WriteStartObject();
            json.WriteString("object"u8, "embedding"u8);
            json.WriteNumber("index"u8, i);
            if (base64)
            {
                json.WriteBase64String("embedding"u8, MemoryMarshal.AsBytes<float>(vector));
            }
            else
            {
                json.WriteStartArray("embedding"u8);
                foreach (var value in vector)
                    json.WriteNumberValue(value);
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteString("model"u8, answer.Prompt.Model);
        json.WriteStartObject("usage"u8);
        json.WriteNumber("prompt_tokens"u8, answer.Prompt.InputTokens);
        json.WriteNumber("total_tokens"u8, answer.Prompt.InputTokens);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    public override void WriteStart(EventWriter events, Answer answer) => throw NotStreamed();

    public override void WriteToken(EventWriter events, Answer answer, int choice, int index) => throw NotStreamed();

    public override void WriteEnd(EventWriter events, Answer answer) => throw NotStreamed();

    private static InvalidOperationException NotStreamed() => new("Embeddings are never streamed: their prompts do not ask for it.");

    private static void Embed(string text, Span<float> vector)
    {
        var dice = new Dice(long.Parse(Prompt.Fingerprint(text), NumberStyles.HexNumber, CultureInfo.InvariantCulture), 0);
        var squares = 0.0;
        for (var i = 0; i < vector.Length; i++)
        {
            vector[i] = (float)(2 * dice.NextDouble() - 1);
            squares += vector[i] * vector[i];
        }

        var scale = squares == 0 ? 1 : (float)(1 / Math.Sqrt(squares));
        foreach (ref var value in vector)
            value *= scale;
    }
}
