using Microsoft.Extensions.Hosting;
using Weir.Server.Observability.Logging;

namespace Weir.Server.Observability.Access;

/// <summary>The one writer of the access log. A stream that fails or stalls costs lines, never a request.</summary>
internal sealed class AccessWriter(LineQueue lines, LogFormat format, AccessOutput output, TimeProvider time) : BackgroundService
{
    // Lines that come together are written together.
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(20);

    // What POSIX writes to a pipe in one piece: other lines of the log cannot come between.
    private const int Piece = 4096;

    /// <summary>What waits at the end is written, unless the stream stalls.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (ExecuteTask is { IsCompleted: true }) WriteAll();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await lines.WaitAsync(stoppingToken);
            await Task.Delay(Gathering, time, stoppingToken);
            WriteAll();
        }
    }

    private void WriteAll()
    {
        var waiting = lines.Take(out var dropped);
        try
        {
            while (!waiting.IsEmpty)
            {
                var piece = waiting.Length <= Piece ? waiting : waiting[..(waiting[..Piece].LastIndexOf((byte)'\n') + 1)];
                output.Stream.Write(piece);
                waiting = waiting[piece.Length..];
            }

            if (dropped > 0)
            {
                var line = new AccessLine(stackalloc byte[AccessLine.Longest], format);
                line.Dropped(time.GetUtcNow(), dropped);
                output.Stream.Write(line.End());
            }

            output.Stream.Flush();
        }
        catch (IOException)
        {
            // Nobody reads standard error any more: there is nowhere left to say so.
        }
    }
}

/// <summary>Where the access log goes.</summary>
internal sealed record AccessOutput(Stream Stream);
