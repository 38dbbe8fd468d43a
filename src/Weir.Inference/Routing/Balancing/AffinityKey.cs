using System.Runtime.InteropServices;
using System.Text.Json;
using Weir.Inference.Requests;

namespace Weir.Inference.Routing.Balancing;

/// <summary>
/// What requests that belong together have in common: their session, else the key under which they ask the provider to cache, else what
/// every prompt of theirs begins with, which is the system prompt and the tools.
/// </summary>
internal static class AffinityKey
{
    /// <returns>0: nothing.</returns>
    public static ulong Of(InferenceRequest request)
    {
        if (request.Headers.Session is { Length: > 0 } session)
        {
            return NotZero(StableHash.Of(MemoryMarshal.AsBytes(session.AsSpan()), seed: 1));
        }

        var prompt = PromptParts.Find(request.Body.Span);
        if (!prompt.CacheKey.IsEmpty)
        {
            return NotZero(StableHash.Of(prompt.CacheKey, seed: 2));
        }

        ulong hash = 0;
        Add(prompt.Instructions, ref hash);
        Add(prompt.Tools, ref hash);
        if (!prompt.Messages.IsEmpty)
        {
            AddLeading(prompt.Messages, ref hash);
        }

        return hash;
    }

    private static void Add(ReadOnlySpan<byte> part, ref ulong hash)
    {
        if (!part.IsEmpty)
        {
            hash = NotZero(StableHash.Of(part, hash));
        }
    }

    // The messages of the system that stand first: what follows them is each request's own.
    private static void AddLeading(ReadOnlySpan<byte> messages, ref ulong hash)
    {
        var reader = new Utf8JsonReader(messages, new JsonReaderOptions { MaxDepth = RequestHeadScanner.MaxDepth });
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
        {
            var start = (int)reader.TokenStartIndex;
            if (!IsOfSystem(ref reader))
            {
                return;
            }

            hash = NotZero(StableHash.Of(messages[start..(int)reader.BytesConsumed], hash));
        }
    }

    // Leaves the reader at the end of the object.
    private static bool IsOfSystem(ref Utf8JsonReader reader)
    {
        var isSystem = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isRole = reader.ValueTextEquals("role"u8);
            reader.Read();
            if (isRole && reader.TokenType == JsonTokenType.String)
            {
                isSystem = reader.ValueTextEquals("system"u8) || reader.ValueTextEquals("developer"u8);
            }

            reader.Skip();
        }

        return isSystem;
    }

    private static ulong NotZero(ulong hash) => hash == 0 ? 1 : hash;
}
