namespace Weir.Inference.Relay;

/// <summary>The few headers of a provider's answer that its client needs: limits, when to come back, and how the body is packed.</summary>
internal static class PassedHeaders
{
    public static List<KeyValuePair<string, string>>? Of(UpstreamAnswer answer)
    {
        List<KeyValuePair<string, string>>? passed = null;
        foreach (var header in answer.Headers.NonValidated)
        {
            if ((header.Key.StartsWith("x-ratelimit-", StringComparison.OrdinalIgnoreCase)
                || header.Key.StartsWith("anthropic-ratelimit-", StringComparison.OrdinalIgnoreCase)
                || header.Key.Equals("retry-after", StringComparison.OrdinalIgnoreCase))
                && header.Value.ToString() is var value && IsPlain(value))
            {
                (passed ??= []).Add(new(header.Key.ToLowerInvariant(), value));
            }
        }

        if (answer.Packing is { } packing && IsPlain(packing))
        {
            (passed ??= []).Add(new("content-encoding", packing));
        }

        return passed;
    }

    /// <summary>The content type; null where there is none that a header of ours can carry.</summary>
    public static string? ContentType(UpstreamAnswer answer) =>
        answer.ContentType is { } type && IsPlain(type) ? type : null;

    // What a provider may send is wider than what a server may: an answer is not lost for the sake of a header.
    private static bool IsPlain(string value) => !value.AsSpan().ContainsAnyExceptInRange(' ', '~');
}
