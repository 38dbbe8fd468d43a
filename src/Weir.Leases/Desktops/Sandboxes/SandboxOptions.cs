namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>Where desktops are kept, and for how long they outlive this program.</summary>
internal sealed record SandboxOptions
{
    /// <summary>The folder of desktops, below the data folder; made when the first desktop is.</summary>
    public required string Folder { get; init; }

    /// <summary>How long a desktop stands without this program before it is ended. Default: 60 s.</summary>
    public TimeSpan GuardWait { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a desktop may take until its program shows a window, or it is clear that it shows none. Default: 45 s.</summary>
    public TimeSpan StartWithin { get; init; } = TimeSpan.FromSeconds(45);
}
