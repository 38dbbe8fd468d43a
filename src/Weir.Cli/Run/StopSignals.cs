using System.Runtime.InteropServices;

namespace Weir.Cli.Run;

/// <summary>The first signal to end stops the run in order, the second at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _now = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly Action _told;
    private int _count;

    /// <param name="told">At the first signal.</param>
    public StopSignals(Action told)
    {
        _told = told;
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
            _registrations.Add(PosixSignalRegistration.Create(signal, Received));
    }

    public CancellationToken Stop => _stop.Token;

    public CancellationToken Now => _now.Token;

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _stop.Dispose();
        _now.Dispose();
    }

    private void Received(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _count) == 1)
        {
            _told();
            _stop.Cancel();
        }
        else
        {
            _now.Cancel();
        }
    }
}
