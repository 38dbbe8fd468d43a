using System.Runtime.InteropServices;

namespace Weir.Retrieval.Vectors;

/// <summary>
/// Memory outside the managed heap, aligned to a cache line, not cleared. It is freed when it is disposed and no search uses it any more, or when nothing
/// refers to it: large arrays would stay on the heap until a full collection, and keep their holes there.
/// </summary>
internal sealed unsafe class NativeBlock : SafeHandle
{
    public const int Alignment = 64;

    private readonly NativeAccount _account;

    public NativeBlock(long bytes, NativeAccount account)
        : base(0, ownsHandle: true)
    {
        _account = account;
        Bytes = Math.Max(bytes, Alignment);
        SetHandle((nint)NativeMemory.AlignedAlloc(checked((nuint)Bytes), Alignment));
        // The collector must know what its small wrapper objects hold, or it would see no reason to run.
        GC.AddMemoryPressure(Bytes);
        account.Add(Bytes);
    }

    public long Bytes { get; }

    public override bool IsInvalid => handle == 0;

    public byte* Pointer => (byte*)handle;

    /// <summary>Keeps the memory until <see cref="SafeHandle.DangerousRelease"/>.</summary>
    /// <exception cref="ObjectDisposedException">The index was disposed.</exception>
    public void Hold()
    {
        var held = false;
        DangerousAddRef(ref held);
    }

    protected override bool ReleaseHandle()
    {
        NativeMemory.AlignedFree((void*)handle);
        GC.RemoveMemoryPressure(Bytes);
        _account.Add(-Bytes);
        return true;
    }
}

/// <summary>Native bytes of one index, those that only readers of its older snapshots still hold included.</summary>
internal sealed class NativeAccount
{
    private long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes);

    public void Add(long bytes) => Interlocked.Add(ref _bytes, bytes);
}
