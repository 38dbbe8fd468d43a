using System.Numerics.Tensors;

namespace Weir.Retrieval.Catalogs.Searching;

/// <summary>The vectors of one field of all tools, each text's once. Immutable.</summary>
internal sealed class FieldVectors(int dimensions, float[][] blocks, int[] rows)
{
    /// <summary>Vectors in one block: arrays stay below what the collector cannot move cheaply in one piece.</summary>
    public const int BlockRows = 1024;

    public long Bytes => blocks.Sum(block => (long)block.Length * sizeof(float)) + (rows.Length * sizeof(int));

    /// <summary>Null: the field of this tool is empty.</summary>
    public ReadOnlyMemory<float>? Of(int tool) => rows[tool] < 0 ? null : Row(rows[tool]);

    /// <summary>The similarity of each tool's field with a vector of unit length, from 0 to 1; what points away is 0.</summary>
    public void Score(ReadOnlySpan<float> query, Span<float> scores)
    {
        for (var tool = 0; tool < rows.Length; tool++)
            scores[tool] = rows[tool] < 0 ? 0 : Math.Clamp(TensorPrimitives.Dot(query, Row(rows[tool]).Span), 0f, 1f);
    }

    private ReadOnlyMemory<float> Row(int row) => blocks[row / BlockRows].AsMemory(row % BlockRows * dimensions, dimensions);
}
