namespace Weir.Server.Hosting;

/// <summary>Names each request: unique among replicas by 50 random bits per process, in order within one. Not a secret.</summary>
internal static class RequestId
{
    private const string Base32 = "0123456789abcdefghjkmnpqrstvwxyz";
    private static readonly string Process = System.Security.Cryptography.RandomNumberGenerator.GetString(Base32, 10);
    private static long _count;

    public static string Next() =>
        string.Create(24, Interlocked.Increment(ref _count), static (span, n) =>
        {
            "req_".CopyTo(span);
            Process.CopyTo(span[4..]);
            for (var i = span.Length - 1; i >= 14; i--, n >>= 5) span[i] = Base32[(int)(n & 31)];
        });
}
