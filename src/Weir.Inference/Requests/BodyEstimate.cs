using System.Buffers;

namespace Weir.Inference.Requests;

/// <summary>A rough count of the tokens that a body puts in, before any provider has counted them.</summary>
/// <remarks>
/// Text has four bytes to a token. A string of at least <see cref="Attachment"/> bytes without a blank is no text but an image, a
/// sound or a file in base64, whose tokens have little to do with its bytes: it counts <see cref="AttachmentTokens"/>, which is
/// what providers charge for a large picture, and one more for each kB.
/// </remarks>
internal static class BodyEstimate
{
    public const int BytesPerToken = 4;
    public const int Attachment = 4096;
    public const int AttachmentTokens = 1500;

    // Base64 of both alphabets, what stands before it in a data URL, and a slash that some encoders escape.
    private static readonly SearchValues<byte> Encoded =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=-_:;,.\\"u8);

    /// <returns>At least 1.</returns>
    public static int Of(ReadOnlySpan<byte> body)
    {
        var text = body.Length;
        var attached = 0L;
        for (var rest = body; rest.Length >= Attachment;)
        {
            var quote = rest.IndexOf((byte)'"');
            if (quote < 0)
            {
                break;
            }

            rest = rest[(quote + 1)..];
            var run = rest.IndexOfAnyExcept(Encoded);
            run = run < 0 ? rest.Length : run;
            if (run >= Attachment)
            {
                text -= run;
                attached += AttachmentTokens + (run / 1024);
            }

            rest = rest[run..];
        }

        return (int)Math.Clamp((text / BytesPerToken) + attached, 1, int.MaxValue);
    }
}
