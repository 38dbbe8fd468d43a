namespace Weir.Retrieval.Models.Safetensors;

/// <summary>What the numbers of a tensor are.</summary>
internal enum TensorType
{
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I8,
    U8,
}

/// <summary>One tensor of a file: its place has been checked to lie inside of it.</summary>
/// <param name="Name">As in the file.</param>
/// <param name="Type">Of its numbers.</param>
/// <param name="Shape">Its dimensions; empty: a single number.</param>
/// <param name="Start">Where its bytes begin, from the beginning of the file.</param>
/// <param name="Bytes">How many they are.</param>
internal sealed record TensorInfo(string Name, TensorType Type, IReadOnlyList<long> Shape, long Start, long Bytes)
{
    public long Count => Bytes / SizeOf(Type);

    public static int SizeOf(TensorType type) => type switch
    {
        TensorType.F64 or TensorType.I64 => 8,
        TensorType.F32 or TensorType.I32 => 4,
        TensorType.F16 or TensorType.BF16 => 2,
        _ => 1,
    };
}
