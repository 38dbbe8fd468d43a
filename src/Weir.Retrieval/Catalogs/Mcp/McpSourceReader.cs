using System.Buffers;
using System.Net;
using Weir.Retrieval.Catalogs.Documents;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>Makes sources of what an admin, a tenant or the configuration named; every fault with its place.</summary>
internal static class McpSourceReader
{
    private const int MostEntries = 100;
    private const int LongestText = 8_000;
    private static readonly string[] Framing = ["host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer", "accept", "mcp-session-id", "mcp-protocol-version"];

    // RFC 9110, 5.6.2: the characters of a token.
    private static readonly SearchValues<char> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <param name="given">The sources.</param>
    /// <param name="place">What they are called in faults.</param>
    /// <param name="isTrusted">An admin, or the configuration: commands and private addresses are theirs to name.</param>
    /// <param name="limits">How many there may be.</param>
    /// <param name="error">What is wrong. Null: nothing.</param>
    public static IReadOnlyList<McpSource> Read(IReadOnlyList<McpSourceOptions> given, string place, bool isTrusted, CatalogLimits limits, out RetrievalError? error)
    {
        var sources = new List<McpSource>();
        error = given.Count == 0 ? CatalogErrors.Invalid(place, "names no server: give a url, or a command")
            : given.Count > limits.Sources ? CatalogErrors.Invalid(place, $"has {given.Count} servers; a catalog may have {limits.Sources}")
            : null;
        for (var i = 0; i < given.Count && error is null; i++)
        {
            var at = given.Count == 1 ? place : $"{place}[{i}]";
            error = Fault(given[i], at, isTrusted);
            if (error is null)
                sources.Add(Named(given[i], sources, isTrusted));
            else
                break;
            if (given[i].Name is not null && given.Take(i).Any(other => string.Equals(other.Name, given[i].Name, StringComparison.OrdinalIgnoreCase)))
                error = CatalogErrors.Invalid(at + ".name", $"repeats '{given[i].Name}' of another server");
        }

        return sources;
    }

    private static RetrievalError? Fault(McpSourceOptions source, string at, bool isTrusted)
    {
        if (source.Name is { } name && !IsName(name))
            return CatalogErrors.Invalid(at + ".name", "must have 1 to 32 letters, digits, '_' and '-'");
        if ((source.Command is null) == (source.Url is null))
            return CatalogErrors.Invalid(at, source.Url is null ? "names no server: give a url, or a command" : "has both a url and a command: give one of them");
        if (source.Command is not null)
        {
            return !isTrusted ? CatalogErrors.CommandNeedsAdmin(at + ".command")
                : string.IsNullOrWhiteSpace(source.Command) || source.Command.Contains('\0') ? CatalogErrors.Invalid(at + ".command", "is no program")
                : source.Args.Count > MostEntries || source.Args.Any(arg => arg.Length > LongestText || arg.Contains('\0')) ? CatalogErrors.Invalid(at + ".args", $"must be at most {MostEntries} texts of at most {LongestText} characters")
                : source.Headers.Count > 0 ? CatalogErrors.Invalid(at + ".headers", "go with a url, not with a command: use env or args")
                : Fault(source.Env, at + ".env");
        }

        return FaultOfUrl(source.Url!, at + ".url", isTrusted)
            ?? (source.Args.Count > 0 ? CatalogErrors.Invalid(at + ".args", "go with a command, not with a url") : null)
            ?? (source.Env.Count > 0 ? CatalogErrors.Invalid(at + ".env", "goes with a command, not with a url: use headers") : null)
            ?? FaultOfHeaders(source.Headers, at + ".headers");
    }

    private static RetrievalError? FaultOfUrl(string url, string at, bool isTrusted)
    {
        if (url.Length > 2_000 || !Uri.TryCreate(url, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps))
            return CatalogErrors.Invalid(at, "is not an http or https address");
        if (uri.UserInfo.Length > 0)
            return CatalogErrors.Invalid(at, "holds a user or password: send them in headers");
        // What a name resolves to is judged at each connection.
        var isInside = uri.IsLoopback || (IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) && !PublicAddress.Is(address));
        return isInside && !isTrusted
            ? CatalogErrors.Invalid(at, "is not on the public internet: servers on loopback and in private networks take a key with the role admin, or the configuration")
            : null;
    }

    private static RetrievalError? Fault(IReadOnlyDictionary<string, string> variables, string at)
    {
        if (variables.Count > MostEntries)
            return CatalogErrors.Invalid(at, $"has more than {MostEntries} variables");
        foreach (var (name, value) in variables)
        {
            if (name.Length is 0 or > 256 || name.AsSpan().ContainsAny('=', '\0') || value is null || value.Length > LongestText || value.Contains('\0'))
                return CatalogErrors.Invalid(at, "has a name or a value that no variable can have");
        }

        return null;
    }

    private static RetrievalError? FaultOfHeaders(IReadOnlyDictionary<string, string> headers, string at)
    {
        if (headers.Count > MostEntries)
            return CatalogErrors.Invalid(at, $"has more than {MostEntries} headers");
        foreach (var (name, value) in headers)
        {
            if (name.Length is 0 or > 256 || name.AsSpan().ContainsAnyExcept(Token))
                return CatalogErrors.Invalid(at, "has a name that no header can have");
            if (Framing.Contains(name, StringComparer.OrdinalIgnoreCase))
                return CatalogErrors.Invalid($"{at}.{name}", "is set by Weir for each request");
            if (value is null || value.Length > LongestText || value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
                return CatalogErrors.Invalid($"{at}.{name}", "has characters that a header cannot carry");
        }

        return null;
    }

    private static McpSource Named(McpSourceOptions source, List<McpSource> others, bool isTrusted)
    {
        var wanted = source.Name ?? Derived(source);
        var name = wanted;
        for (var n = 2; others.Any(other => string.Equals(other.Name, name, StringComparison.OrdinalIgnoreCase)); n++)
            name = $"{wanted}-{n}";
        return new McpSource
        {
            Name = name,
            Command = source.Command,
            Args = source.Args,
            Env = source.Env,
            Url = source.Url,
            Headers = source.Headers,
            IsTrusted = isTrusted,
        };
    }

    // The last argument that is no flag says more than "npx" or "python": some-mcp-server, /srv/tools/files.py. No other is shown anywhere.
    private static string Derived(McpSourceOptions source)
    {
        var text = source.Url is { } url ? new Uri(url).Host : Path.GetFileNameWithoutExtension(source.Command!);
        if (source.Command is not null && Path.GetFileNameWithoutExtension(source.Command) is "npx" or "uvx"
            && source.Args.FirstOrDefault(arg => !arg.StartsWith('-')) is { } package)
        {
            text = package.Split('/')[^1].Split('@')[0];
        }

        var name = string.Concat(text.Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' ? c : '-')).Trim('-', '_');
        return name.Length == 0 ? "mcp" : name[..Math.Min(name.Length, 32)];
    }

    private static bool IsName(string name) =>
        name.Length is > 0 and <= 32 && char.IsAsciiLetterOrDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
