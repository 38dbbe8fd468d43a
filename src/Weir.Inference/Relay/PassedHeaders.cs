namespace Weir.Inference.Relay;

/// <summary>The few headers of a provider's answer that its client needs: limits, when to come back, and how the body is packed.</summary>
internal static class PassedHeaders
{
    public static List<KeyValuePair<string, string>>? Of(UpstreamAnswer answer)
    {
        List<KeyValuePair<string, string>>? passed = null;
        foreach (var header in answer.Headers.NonValidated)
        {
            if (header.Key.StartsWith("x-ratelimit-", StringComparison.OrdinalIgnoreCase)
                || header.Key.Equals("retry-after", StringComparison.OrdinalIgnoreCase))
            {
                (passed ??= []).Add(new(header.Key.ToLowerInvariant(), header.Value.ToString()));
            }
        }

        if (answer.Packing is { } packing)
        {
            (passed ??= []).Add(new("content-encoding", packing));
        }

        return passed;
    }
}
