using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Weir.Inference.Batches.Documents;

namespace Weir.Inference.Batches.Input;

/// <summary>Reads a batch's file once, from its first line to its last, and says everything that is wrong with it.</summary>
internal static class BatchValidator
{
    public static async Task<BatchValidation> ValidateAsync(Stream content, string endpoint, BatchLimits limits, CancellationToken cancellationToken)
    {
        var reader = new LineReader(content, limits.LineBytes);
        var faults = new List<BatchFault>();
        var count = 0;
        // Digests, so that 50,000 long ids take a few megabytes.
        var firstLines = new Dictionary<UInt128, int>();
        while (await reader.NextAsync(cancellationToken).ConfigureAwait(false))
        {
            if (reader.Number > limits.Lines)
            {
                Add(new BatchFault("too_many_lines", reader.Number, $"The file has more than {limits.Lines} lines: make several batches of it.", null));
                break;
            }

            var line = default(BatchLine);
            var fault = reader.IsTooLong
                ? new BatchFault("line_too_long", null, $"The line has more than {limits.LineBytes} bytes.", null)
                : BatchLine.Parse(reader.Line, endpoint, out line);
            if (fault is null && !firstLines.TryAdd(Digest(line.CustomId), reader.Number))
            {
                fault = new BatchFault("duplicate_custom_id", null, $"The custom_id stands in line {firstLines[Digest(line.CustomId)]} already.", "custom_id");
            }

            if (fault is not null)
            {
                Add(fault with { Line = reader.Number });
            }
        }

        if (reader.Number == 0)
        {
            Add(new BatchFault("empty_file", null, "The file is empty: each line is a request.", null));
        }

        if (count > faults.Count)
        {
            faults[^1] = faults[^1] with { Message = $"{faults[^1].Message} {count - faults.Count} more faults are not listed." };
        }

        return new BatchValidation(reader.Number, faults);

        void Add(BatchFault fault)
        {
            count++;
            if (faults.Count < limits.FaultsListed)
            {
                faults.Add(fault);
            }
        }
    }

    private static UInt128 Digest(string id)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(id), hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }
}

/// <param name="Lines">How many were read.</param>
/// <param name="Faults">None: the file can be run.</param>
internal sealed record BatchValidation(int Lines, IReadOnlyList<BatchFault> Faults);
