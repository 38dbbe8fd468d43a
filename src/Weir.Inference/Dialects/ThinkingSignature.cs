namespace Weir.Inference.Dialects;

/// <summary>
/// What stands for a signature where a provider has signed nothing. Anthropic's clients demand one and send it back with the conversation, and
/// Anthropic refuses every one that it did not make: by this, such a block is known again and left out.
/// </summary>
internal static class ThinkingSignature
{
    public static ReadOnlySpan<byte> None => "weir.unsigned"u8;

    /// <summary>Whether a body may hold such blocks: one pass over it, without reading it as JSON.</summary>
    public static bool MayBeMissing(ReadOnlySpan<byte> body) => body.IndexOf(None) >= 0;
}
