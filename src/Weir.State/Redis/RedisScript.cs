using System.Security.Cryptography;
using System.Text;

namespace Weir.State.Redis;

/// <summary>A script and the digest under which the server keeps it.</summary>
internal sealed class RedisScript(string source)
{
    public string Source { get; } = source;

#pragma warning disable CA5350 // Redis names scripts by SHA-1; nothing is protected by it.
    public byte[] Hash { get; } = SHA1.HashData(Encoding.UTF8.GetBytes(source));
#pragma warning restore CA5350
}
