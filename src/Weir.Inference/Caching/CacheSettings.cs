namespace Weir.Inference.Caching;

/// <summary>How answers are kept: the <c>cache</c> of <c>weir.json</c>. Immutable.</summary>
/// <param name="Ttl">How long an answer may be given again.</param>
/// <param name="MaxBytes">What is held in this process, overhead included; the least recently used goes first. At least 1.</param>
/// <param name="IsDefault">Whether a request that does not say is cached, as long as it is not sampled.</param>
public sealed record CacheSettings(TimeSpan Ttl, long MaxBytes, bool IsDefault)
{
    // One answer must not push out all others.
    private const int Share = 16;

    public static CacheSettings Default { get; } = new(TimeSpan.FromMinutes(10), 256L << 20, IsDefault: false);

    /// <summary>The largest answer that is kept, in bytes.</summary>
    public long LargestAnswer => MaxBytes / Share;
}

/// <summary>What the cache, or requests under way, had to do with an answer.</summary>
public enum CacheOutcome
{
    /// <summary>It was asked for, and there was nothing to give.</summary>
    Miss,

    /// <summary>It was kept from before: nothing was asked of a provider.</summary>
    Hit,

    /// <summary>It is that of the same request, which was under way already.</summary>
    Coalesced,
}
