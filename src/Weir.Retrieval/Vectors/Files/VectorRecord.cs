using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Weir.Retrieval.Vectors.Files;

/// <summary>Where a record stands.</summary>
/// <param name="Part">Its file.</param>
/// <param name="Slot">Which place in it.</param>
/// <param name="Hash">Of its key, so that few keys are read from the file to find one.</param>
internal readonly record struct VectorRecord(VectorFilePart Part, int Slot, int Hash)
{
    public ReadOnlySpan<byte> Key => VectorFileLayout.Key(Part.Record(Slot));

    public ReadOnlySpan<float> Vector => VectorFileLayout.Vector(Part.Record(Slot));
}

/// <summary>Records are the same when their keys are: the table of them holds no keys, which stay in the file.</summary>
internal sealed class VectorRecordKeys : IEqualityComparer<VectorRecord>, IAlternateEqualityComparer<ReadOnlySpan<byte>, VectorRecord>
{
    public static int Hash(ReadOnlySpan<byte> key)
    {
        var hash = new HashCode();
        hash.AddBytes(key);
        return hash.ToHashCode();
    }

    public bool Equals(VectorRecord x, VectorRecord y) => x.Hash == y.Hash && x.Key.SequenceEqual(y.Key);

    public int GetHashCode(VectorRecord record) => record.Hash;

    public bool Equals(ReadOnlySpan<byte> alternate, VectorRecord other) => other.Key.SequenceEqual(alternate);

    public int GetHashCode(ReadOnlySpan<byte> alternate) => Hash(alternate);

    public VectorRecord Create(ReadOnlySpan<byte> alternate) => throw new NotSupportedException("A record is made by writing it.");
}

/// <summary>A vector where it stands in its file. It keeps the mapping for as long as it is referred to.</summary>
internal sealed unsafe class MappedVector(VectorFilePart part, int slot) : MemoryManager<float>
{
    public override Span<float> GetSpan()
    {
        var vector = VectorFileLayout.Vector(part.Record(slot));
        return MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(vector), vector.Length);
    }

    public override MemoryHandle Pin(int elementIndex = 0) => new(Unsafe.AsPointer(ref GetSpan()[elementIndex]), default, this);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
