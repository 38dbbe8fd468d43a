namespace Weir.Leases.Desktops;

/// <summary>One desktop that stands: an X server with a window manager and a program, in a sandbox of its own.</summary>
internal interface IDesktop
{
    /// <summary>The instance; never used twice.</summary>
    string Id { get; }

    /// <summary>The X server's unix socket, as this process reaches it.</summary>
    string DisplaySocket { get; }

    /// <summary>What the X server asks of who connects: MIT-MAGIC-COOKIE-1, 16 bytes. A secret.</summary>
    ReadOnlyMemory<byte> Cookie { get; }

    /// <summary>In pixels.</summary>
    int Width { get; }

    /// <inheritdoc cref="Width"/>
    int Height { get; }

    /// <summary>What its programs are at. Nothing that they may say of themselves is believed beyond that.</summary>
    /// <returns>Null: it does not tell.</returns>
    ValueTask<DesktopWork?> WorkAsync(CancellationToken cancellationToken);

    /// <summary>Runs a command inside, as the desktop's user and with its environment: DISPLAY, XAUTHORITY, DBUS_SESSION_BUS_ADDRESS.</summary>
    /// <param name="command">The program, by name or by path inside, and its arguments.</param>
    /// <param name="stdin">What it reads; then its input ends.</param>
    /// <param name="mostOutput">How many bytes of its standard output are kept; one that writes more is ended.</param>
    /// <param name="cancellationToken">Ends it and everything that it started in its process group.</param>
    ValueTask<DesktopRun> RunAsync(IReadOnlyList<string> command, ReadOnlyMemory<byte> stdin, int mostOutput, CancellationToken cancellationToken);
}

/// <summary>What the programs of a desktop are at.</summary>
/// <param name="Start">Which start of its program that is of; another one after the program was begun anew with something else to open.</param>
/// <param name="IsBusy">A thread of any of them runs, or waits for its turn or for the disk: what the screen shows is not all that is to come.</param>
internal readonly record struct DesktopWork(int Start, bool IsBusy);

/// <summary>What came of a command inside a desktop.</summary>
/// <param name="ExitCode">As a shell tells it: 128 and the signal's number where one ended it. Null: it could not be run, was ended for its output, or the desktop went.</param>
/// <param name="Output">Its standard output, as far as it was kept.</param>
/// <param name="Fault">Why there is no exit code, or the end of its standard error, at most 2,000 characters. Null: neither.</param>
internal sealed record DesktopRun(int? ExitCode, ReadOnlyMemory<byte> Output, string? Fault);
