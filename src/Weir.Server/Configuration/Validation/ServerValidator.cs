using System.Net;
using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration.Validation;

/// <summary>Addresses and folders of the server itself.</summary>
internal sealed class ServerValidator(IReadOnlyDictionary<string, string> environment) : IConfigurationValidator
{
    private const string AdminKey = "WEIR_ADMIN_KEY";

    public void Validate(WeirOptions options, FaultList faults)
    {
        ValidateUrl(options.Server.Url, faults);
        if (options.Server.AdvertisedUrl is { } advertised && !WebAddress.IsHttp(advertised))
        {
            faults.Add("server.advertised_url", "is not an http or https address", "Write it like \"http://10.0.0.5:7800\"");
        }

        if (string.IsNullOrWhiteSpace(options.Server.Data))
        {
            faults.Add("server.data", "is empty", "Name a folder, such as \"./data\"");
        }
    }

    private void ValidateUrl(string url, FaultList faults)
    {
        const string Path = "server.url";
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttp)
        {
            var remedy = uri?.Scheme == Uri.UriSchemeHttps
                ? "Write http:// and let a proxy in front end TLS"
                : "Write it like \"http://127.0.0.1:7800\", or \"http://0.0.0.0:7800\" for every network";
            faults.Add(Path, "is not an http address to listen at", remedy);
        }
        else if (uri.PathAndQuery != "/" || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
        {
            faults.Add(Path, "has more than a host and a port", $"Write \"{uri.Scheme}://{uri.Authority}\"");
        }
        else if (!IsLoopback(uri) && environment.GetValueOrDefault(AdminKey) is null or "")
        {
            faults.Warn(Path, "can be reached from other machines, where every caller needs a key", $"Make one with 'weir keys create' or set {AdminKey}, else the server refuses to start");
        }
    }

    private static bool IsLoopback(Uri uri) =>
        uri.IsLoopback || (IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
