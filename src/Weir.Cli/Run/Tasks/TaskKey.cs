using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Weir.Cli.Run.Tasks;

/// <summary>Stands for an id where a million of them are held: the first half of its SHA-256.</summary>
internal static class TaskKey
{
    public static UInt128 Of(string id)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(id), hash);
        return BinaryPrimitives.ReadUInt128BigEndian(hash);
    }
}
