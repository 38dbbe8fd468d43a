namespace Weir.Server.Configuration;

/// <summary>What <see cref="ConfigurationLoader"/> made of its sources.</summary>
public sealed record LoadedConfiguration
{
    /// <summary>Fit for use only where <see cref="Faults"/> is empty; otherwise what could be read.</summary>
    public required WeirOptions Options { get; init; }

    /// <summary>All that is wrong, in the order of the file, then of the environment and the command line.</summary>
    public required IReadOnlyList<Fault> Faults { get; init; }

    /// <summary>What is allowed and may still surprise.</summary>
    public required IReadOnlyList<Fault> Warnings { get; init; }

    /// <summary>The file that was read; null where there was none.</summary>
    public required string? File { get; init; }

    /// <summary>Whether no source says anything about <c>providers</c>, so that the default ones are used.</summary>
    public required bool ProvidersAreDefault { get; init; }

    /// <summary>What stood in the file; null where there was none.</summary>
    internal byte[]? Text { get; init; }
}
