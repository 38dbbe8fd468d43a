using System.Buffers;
using System.Buffers.Text;
using Weir.Inference.Relay;

namespace Weir.Inference.Embeddings;

/// <summary>Puts a client's answer together from the vectors of its parts, spliced in as they stand.</summary>
internal static class EmbeddingAnswer
{
    private const int FlushEvery = 64 * 1024;

    private static ReadOnlySpan<byte> Opening => "{\"object\":\"list\",\"data\":["u8;

    private static ReadOnlySpan<byte> BeforeIndex => "{\"object\":\"embedding\",\"index\":"u8;

    private static ReadOnlySpan<byte> BeforeVector => ",\"embedding\":"u8;

    public static async ValueTask WriteAsync(
        ReadOnlyMemory<byte>[] vectors, ReadOnlyMemory<byte>? model, InferenceReport report, IAnswer answer, CancellationToken cancellationToken)
    {
        var ending = Ending(model, report);
        answer.Begin(new AnswerHead(200, "application/json", LengthOf(vectors, ending.Length), report));
        var output = answer.Body;
        output.Write(Opening);
        var index = 0;
        var held = 0;
        foreach (var vector in vectors)
        {
            WriteElement(output, index++, vector.Span);
            held += vector.Length;
            if (held > FlushEvery)
            {
                held = 0;
                if ((await output.FlushAsync(cancellationToken).ConfigureAwait(false)).IsCompleted)
                {
                    return;
                }
            }
        }

        output.Write(ending);
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static void WriteElement(IBufferWriter<byte> output, int index, ReadOnlySpan<byte> vector)
    {
        if (index > 0)
        {
            output.Write(","u8);
        }

        Span<byte> number = stackalloc byte[11];
        Utf8Formatter.TryFormat(index, number, out var digits);
        output.Write(BeforeIndex);
        output.Write(number[..digits]);
        output.Write(BeforeVector);
        output.Write(vector);
        output.Write("}"u8);
    }

    private static byte[] Ending(ReadOnlyMemory<byte>? named, InferenceReport report)
    {
        var used = report.Usage ?? default;
        var ending = new ArrayBufferWriter<byte>();
        ending.Write("],\"model\":"u8);
        ending.Write(named is { } model ? model.Span : System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(report.Model));
        ending.Write(System.Text.Encoding.ASCII.GetBytes($",\"usage\":{{\"prompt_tokens\":{used.Input},\"total_tokens\":{used.Total}}}}}"));
        return ending.WrittenSpan.ToArray();
    }

    private static long LengthOf(ReadOnlyMemory<byte>[] vectors, int ending)
    {
        var (length, index) = ((long)Opening.Length + ending, 0);
        foreach (var vector in vectors)
        {
            length += BeforeIndex.Length + Digits(index) + BeforeVector.Length + vector.Length + 1 + (index == 0 ? 0 : 1);
            index++;
        }

        return length;
    }

    private static int Digits(int number)
    {
        var digits = 1;
        while ((number /= 10) > 0)
        {
            digits++;
        }

        return digits;
    }
}
