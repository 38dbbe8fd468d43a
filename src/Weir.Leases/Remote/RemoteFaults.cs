using System.Text.RegularExpressions;
using Weir.Leases.Kinds;

namespace Weir.Leases.Remote;

/// <summary>What may be wrong with a remote kind, told before anything is asked of its endpoints.</summary>
internal static partial class RemoteFaults
{
    private const int MostSlots = 10_000;

    // Of the connection, or Weir's own.
    private static readonly string[] NotSettable = ["host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "keep-alive", "expect"];

    public static IReadOnlyList<KindFault> Of(string name, KindOptions options)
    {
        var faults = new List<KindFault>();
        if (ResourceKinds.SortOf(name) == name)
            faults.Add(new KindFault("", "is called 'remote' alone: say which, such as 'remote:gpu-box'"));
        if (options.Capacity is not null)
            faults.Add(new KindFault("capacity", "is not for remote: its endpoints and their slots tell how many there are"));
        if (options.Endpoints.Count == 0)
            faults.Add(new KindFault("endpoints", "is empty: name at least one, such as {\"id\": \"a\", \"base_url\": \"http://10.0.0.7:5000\"}"));
        if (options.Endpoints.Sum(endpoint => (long)Math.Max(0, endpoint.Slots)) > MostSlots)
            faults.Add(new KindFault("endpoints", $"have more than {MostSlots} slots together"));

        var ids = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < options.Endpoints.Count; i++)
        {
            var endpoint = options.Endpoints[i];
            Of(endpoint, (setting, message) => faults.Add(new KindFault($"endpoints.{i}.{setting}", message)));
            if (!ids.Add(endpoint.Id))
                faults.Add(new KindFault($"endpoints.{i}.id", $"is '{endpoint.Id}', as another endpoint's: give each its own"));
        }

        return faults;
    }

    private static void Of(RemoteEndpointOptions endpoint, Action<string, string> add)
    {
        if (!Id().IsMatch(endpoint.Id))
            add("id", "is not a name: use 1 to 63 of a-z, 0-9, '_' and '-', the first a letter or a digit");
        if (endpoint.Slots is < 1 or > 1000)
            add("slots", $"is {endpoint.Slots}: it must be from 1 to 1000");
        if (!Uri.TryCreate(endpoint.BaseUrl, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps))
            add("base_url", "is not an http or https address: write it like \"http://10.0.0.7:5000\"");
        else if (url.UserInfo.Length > 0)
            add("base_url", "holds a name or a password: put them into headers, such as \"Authorization\"");
        else if (url.Query.Length > 0 || url.Fragment.Length > 0)
            add("base_url", "has a query or a fragment: paths of requests are added to it, so it must end with a path");
        OfPath(nameof(endpoint.Health), endpoint.Health, add);
        OfPath(nameof(endpoint.Reset), endpoint.Reset, add);
        OfPath(nameof(endpoint.Initialise), endpoint.Initialise, add);
        OfPath(nameof(endpoint.Observe), endpoint.Observe, add);
        foreach (var (header, value) in endpoint.Headers)
        {
            if (!Header().IsMatch(header))
                add($"headers.{header}", "is not the name of a header");
            else if (NotSettable.Contains(header, StringComparer.OrdinalIgnoreCase) || header.StartsWith("x-weir-", StringComparison.OrdinalIgnoreCase))
                add($"headers.{header}", "is a header that Weir sets itself: leave it out");
            else if (value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
                // What it holds is a secret.
                add($"headers.{header}", "has a value that no header may have: use printable ASCII");
        }
    }

    private static void OfPath(string setting, string? path, Action<string, string> add)
    {
        if (path is not null && (path.Length == 0 || path[0] != '/' || path.StartsWith("//", StringComparison.Ordinal) || path.AsSpan().ContainsAnyExceptInRange('!', '~') || path.Contains('#', StringComparison.Ordinal)))
            add(setting.ToLowerInvariant(), "is not a path: begin it with one '/', such as \"/" + setting.ToLowerInvariant() + "\", and escape what is not ASCII");
    }

    [GeneratedRegex(@"^[a-z0-9][a-z0-9_-]{0,62}\z")]
    private static partial Regex Id();

    [GeneratedRegex(@"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}\z")]
    private static partial Regex Header();
}
