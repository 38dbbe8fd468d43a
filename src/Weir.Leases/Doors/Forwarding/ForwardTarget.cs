namespace Weir.Leases.Doors.Forwarding;

/// <summary>Where a request goes.</summary>
/// <param name="Base">Its path stands before that of each request; http or https, without query.</param>
/// <param name="Headers">Set on each request, whatever the client sent under these names.</param>
internal sealed record ForwardTarget(Uri Base, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>How it is called in errors: never its address, which is not the client's to know.</summary>
    public required string Name { get; init; }

    /// <summary>The address of a request: the base and what follows the door, byte for byte, so that nothing in it can lead anywhere else.</summary>
    public Uri AddressOf(string path, string query)
    {
        // A base of the root alone is the slash that the path begins with.
        var root = Base.AbsolutePath;
        var before = path.Length == 0 ? root : root.TrimEnd('/');
        return new Uri(
            Base.GetLeftPart(UriPartial.Authority) + before + path + query, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
    }

    /// <summary>Where a redirect leads through the door. Null: somewhere else, or nowhere that can be told.</summary>
    public string? ThroughDoor(string location, Uri asked, string prefix)
    {
        if (!Uri.TryCreate(asked, location, out var target) || target.GetLeftPart(UriPartial.Authority) != Base.GetLeftPart(UriPartial.Authority))
            return null;
        var root = Base.AbsolutePath.TrimEnd('/');
        var path = target.GetComponents(UriComponents.PathAndQuery | UriComponents.Fragment | UriComponents.KeepDelimiter, UriFormat.UriEscaped);
        return path.StartsWith(root, StringComparison.Ordinal) && (path.Length == root.Length || path[root.Length] is '/' or '?' or '#')
            ? prefix + path[root.Length..]
            : null;
    }
}

/// <summary>How long what is forwarded may take; the end of the lease bounds all of it.</summary>
internal sealed record ForwardLimits
{
    /// <summary>Until the head of the answer, from when the request began.</summary>
    public TimeSpan HeadWithin { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Without a byte of the answer, once it has begun. A WebSocket may be silent for as long as it likes.</summary>
    public TimeSpan IdleWithin { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>For the rest of what one side of a WebSocket says, after the other has closed the connection.</summary>
    public TimeSpan CloseWithin { get; init; } = TimeSpan.FromSeconds(5);
}
