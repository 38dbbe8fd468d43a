using System.Security.Cryptography;
using System.Text;
using Weir.Inference.Providers;

namespace Weir.Inference.Limits;

/// <summary>What replicas know a limit by: short, the same for the same configuration, and without the key that it is about.</summary>
internal static class SharedName
{
    public static string OfKey(string provider, string? key) => "p-" + Digest($"{provider}\n{key}");

    public static string OfLane(string model, LimitOptions? limits) => Digest($"{model}\n{limits?.RequestsPerMinute}\n{limits?.TokensPerMinute}");

    private static string Digest(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));
}
