using Weir.Leases.Desktops.X11;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops;

/// <summary>The one connection to a desktop's X server, made when it is first needed and again when it has broken.</summary>
internal sealed class XSession(IDesktop desktop, TimeProvider time) : IAsyncDisposable
{
    private readonly SemaphoreSlim _opening = new(1);
    private XDisplay? _display;
    private bool _isDisposed;

    /// <summary>Does something over the connection; a broken one is a value.</summary>
    /// <param name="work">What to do.</param>
    /// <param name="again">It is done once more over another connection where the one it had broke: it must do no harm twice.</param>
    /// <param name="cancellationToken">Ends the wait for a connection.</param>
    public async Task<KindResult<T>> AskAsync<T>(Func<XDisplay, Task<KindResult<T>>> work, bool again, CancellationToken cancellationToken)
    {
        for (; ; again = false)
        {
            try
            {
                return await work(await OpenAsync(cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
            }
            catch (XBrokenException) when (again)
            {
            }
            catch (XBrokenException e)
            {
                return KindResult.Failed<T>(new LeaseError(503, "unavailable", $"The desktop does not answer: {e.Message}") { RetryAfter = TimeSpan.FromSeconds(1) });
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _opening.WaitAsync().ConfigureAwait(false);
        try
        {
            _isDisposed = true;
            if (Interlocked.Exchange(ref _display, null) is { } display)
                await display.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            _opening.Release();
        }
    }

    private async Task<XDisplay> OpenAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _display) is { IsBroken: false } open)
            return open;
        await _opening.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_display is { IsBroken: false } made)
                return made;
            if (_isDisposed)
                throw new XBrokenException("It has ended.");
            if (Interlocked.Exchange(ref _display, null) is { } broken)
                await broken.DisposeAsync().ConfigureAwait(false);
            return _display = await XDisplay.OpenAsync(desktop.DisplaySocket, desktop.Cookie, time, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _opening.Release();
        }
    }
}
