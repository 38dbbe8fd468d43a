namespace Weir.Server.Configuration.Validation;

/// <summary>What the settings call an address.</summary>
internal static class WebAddress
{
    public static bool IsHttp(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps);
}
