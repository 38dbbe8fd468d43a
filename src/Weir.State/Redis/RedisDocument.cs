using System.Buffers.Text;
using System.Globalization;
using Weir.State.Documents;

namespace Weir.State.Redis;

/// <summary>How a document stands in Redis: "version expiry body", the expiry in microseconds or 0.</summary>
internal static class RedisDocument
{
    public static Document Parse(string key, byte[] value)
    {
        if (!Utf8Parser.TryParse(value, out long version, out var first)
            || !Utf8Parser.TryParse(value.AsSpan(first + 1), out long expiry, out var second))
            throw new InvalidDataException($"Document '{key}' is not stored as \"version expiry body\": another program wrote it.");
        return new Document(key, version, value.AsMemory(first + second + 2), expiry == 0 ? null : Revisions.Time(expiry));
    }

    public static string Expiry(Write write) => write.Body is null ? "-" : Number(write.ExpiresAt is { } at ? Revisions.Micros(at) : 0);

    public static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
