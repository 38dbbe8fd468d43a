using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using System.Text.Json;
using Weir.Inference;
using Weir.Inference.Relay;
using Weir.Retrieval.Embedding;

namespace Weir.Server.Retrieval;

/// <summary>Writes vectors as OpenAI answers them, straight into the connection's own buffers.</summary>
internal static class EmbeddingsWriter
{
    private const int FlushEvery = 64 * 1024;
    private const int LongestInteger = 11;

    // The shortest text that reads back as the same float32 has at most 9 digits, a sign, a point and an exponent.
    private const int LongestNumber = 24;

    private static ReadOnlySpan<byte> Opening => "{\"object\":\"list\",\"data\":["u8;

    private static ReadOnlySpan<byte> BeforeIndex => "{\"object\":\"embedding\",\"index\":"u8;

    private static ReadOnlySpan<byte> BeforeVector => ",\"embedding\":"u8;

    private static ReadOnlySpan<byte> BeforeModel => "],\"model\":\""u8;

    private static ReadOnlySpan<byte> BeforePrompt => "\",\"usage\":{\"prompt_tokens\":"u8;

    private static ReadOnlySpan<byte> BeforeTotal => ",\"total_tokens\":"u8;

    public static async ValueTask WriteAsync(
        EmbeddingResult result,
        bool isBase64,
        JsonEncodedText model,
        IReadOnlyList<KeyValuePair<string, string>>? headers,
        InferenceReport report,
        IAnswer answer,
        CancellationToken cancellationToken)
    {
        var vectors = result.Vectors;
        answer.Begin(new AnswerHead(200, "application/json", isBase64 ? LengthOf(vectors, model, result.Tokens) : null, report) { Passed = headers });
        var output = answer.Body;
        output.Write(Opening);
        var held = 0;
        for (var i = 0; i < vectors.Count; i++)
        {
            held += WriteElement(output, i, vectors[i].Span, isBase64);
            if (held > FlushEvery)
            {
                held = 0;
                if ((await output.FlushAsync(cancellationToken).ConfigureAwait(false)).IsCompleted)
                {
                    return;
                }
            }
        }

        output.Write(BeforeModel);
        output.Write(model.EncodedUtf8Bytes);
        output.Write(BeforePrompt);
        WriteInteger(output, result.Tokens);
        output.Write(BeforeTotal);
        WriteInteger(output, result.Tokens);
        output.Write("}}"u8);
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static int WriteElement(PipeWriter output, int index, ReadOnlySpan<float> vector, bool isBase64)
    {
        if (index > 0)
        {
            output.Write(","u8);
        }

        output.Write(BeforeIndex);
        WriteInteger(output, index);
        output.Write(BeforeVector);
        return isBase64 ? WriteBase64(output, vector) : WriteNumbers(output, vector);
    }

    // In as many pieces as the output's buffers make of it: none is asked for that is larger than it has.
    private static int WriteBase64(PipeWriter output, ReadOnlySpan<float> vector)
    {
        output.Write("\""u8);
        var left = MemoryMarshal.AsBytes(vector);
        var total = 0;
        OperationStatus status;
        do
        {
            status = Base64.EncodeToUtf8(left, output.GetSpan(4), out var consumed, out var written);
            output.Advance(written);
            left = left[consumed..];
            total += written;
        }
        while (status == OperationStatus.DestinationTooSmall);
        output.Write("\"}"u8);
        return total;
    }

    private static int WriteNumbers(PipeWriter output, ReadOnlySpan<float> vector)
    {
        var total = 0;
        for (var i = 0; i < vector.Length;)
        {
            var span = output.GetSpan(LongestNumber);
            var written = 0;
            for (; i < vector.Length && span.Length - written >= LongestNumber; i++)
            {
                span[written++] = (byte)(i == 0 ? '[' : ',');
                written += ShortestFloat.Write(vector[i], span[written..]);
            }

            output.Advance(written);
            total += written;
        }

        output.Write("]}"u8);
        return total;
    }

    private static void WriteInteger(PipeWriter output, int value)
    {
        Utf8Formatter.TryFormat(value, output.GetSpan(LongestInteger), out var written);
        output.Advance(written);
    }

    private static long LengthOf(IReadOnlyList<ReadOnlyMemory<float>> vectors, JsonEncodedText model, int tokens)
    {
        long length = Opening.Length + BeforeModel.Length + model.EncodedUtf8Bytes.Length + BeforePrompt.Length + BeforeTotal.Length + (2 * DigitsOf(tokens)) + 2;
        for (var i = 0; i < vectors.Count; i++)
        {
            var encoded = Base64.GetMaxEncodedToUtf8Length(vectors[i].Length * sizeof(float));
            length += (i == 0 ? 0 : 1) + BeforeIndex.Length + DigitsOf(i) + BeforeVector.Length + 1 + encoded + 2;
        }

        return length;
    }

    private static int DigitsOf(int value)
    {
        var digits = 1;
        for (; value >= 10; value /= 10)
        {
            digits++;
        }

        return digits;
    }
}
