using System.Text;
using Weir.State;

namespace Weir.Tests.State;

/// <summary>Short ways to write commits in tests.</summary>
internal static class Bodies
{
    public static ReadOnlyMemory<byte> Json(string text) => Encoding.UTF8.GetBytes(text);

    public static string Text(this Document document) => Encoding.UTF8.GetString(document.Body.Span);

    public static string Text(this ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    public static Write Put(string key, long expected, string body, DateTimeOffset? expires = null) => new(key, expected, Json(body), expires);

    public static Write Delete(string key, long expected) => new(key, expected, null);

    public static Commit Of(string partition, params Write[] writes) => new(partition) { Writes = writes };

    public static async Task<long> CommitAsync(this IStateStore store, string partition, params Write[] writes) =>
        (await store.CommitAsync(Of(partition, writes))).ShouldBeOfType<CommitOutcome.Committed>().Revision;
}
