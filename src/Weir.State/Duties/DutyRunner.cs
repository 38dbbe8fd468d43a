using Microsoft.Extensions.Logging;

namespace Weir.State.Duties;

/// <summary>Claims a duty, does it and renews the claim meanwhile; waits while another holds it, and tries again after a fault.</summary>
/// <param name="duty">What to do.</param>
/// <param name="random">Spreads the tries of several replicas.</param>
/// <param name="logger">Where faults are told.</param>
public sealed partial class DutyRunner(Duty duty, Random random, ILogger<DutyRunner> logger)
{
    private readonly ILogger _logger = logger;

    /// <summary>Returns once the work has been done to its end here, or was cancelled.</summary>
    /// <param name="work">
    /// What to do, under the claim's fence. Its token is cancelled before the claim ends; work that was cancelled so is taken up again
    /// by whoever claims the duty next.
    /// </param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(Func<DutyClaim, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                if (await TryRunAsync(work, cancellationToken))
                    return;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (StoreUnavailableException e)
            {
                LogAway(duty.Key, e.Message);
            }
            catch (Exception e)
            {
                LogFailed(e, duty.Key);
            }

            try
            {
                await Task.Delay(duty.Term * (0.2 + (0.2 * random.NextDouble())), duty.Time, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>One try, for whoever has other things to do while another holds the duty.</summary>
    /// <returns>False: another holds it, or the claim ended before the work did. True: the work was done to its end, or was cancelled.</returns>
    /// <exception cref="StoreUnavailableException">The store cannot be reached.</exception>
    public async Task<bool> TryRunAsync(Func<DutyClaim, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        await using var claim = await duty.TryClaimAsync(cancellationToken);
        return claim is not null && await WorkAsync(claim, work, cancellationToken);
    }

    private async Task<bool> WorkAsync(DutyClaim claim, Func<DutyClaim, CancellationToken, Task> work, CancellationToken cancellationToken)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, claim.Ended);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(ends.Token);
        var renewing = RenewAsync(claim, done.Token);
        try
        {
            await work(claim, ends.Token);
            return true;
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            if (!cancellationToken.IsCancellationRequested)
                LogEnded(duty.Key);
            return cancellationToken.IsCancellationRequested;
        }
        finally
        {
            await done.CancelAsync();
            await renewing;
        }
    }

    private async Task RenewAsync(DutyClaim claim, CancellationToken done)
    {
        try
        {
            do
                await Task.Delay(duty.Term / 4, duty.Time, done);
            while (await claim.RenewAsync(done));
        }
        catch (OperationCanceledException)
        {
            // The work is done, or the claim has ended.
        }
        catch (StoreUnavailableException e)
        {
            LogAway(duty.Key, e.Message);
        }
        catch (Exception e)
        {
            // Without renewal the claim ends by itself, and stops the work before that.
            LogFailed(e, duty.Key);
        }
    }

    [LoggerMessage(EventName = "DutyFailed", Level = LogLevel.Warning, Message = "{Duty} failed and will be tried again.")]
    private partial void LogFailed(Exception exception, string duty);

    [LoggerMessage(EventName = "DutyAway", Level = LogLevel.Warning, Message = "{Duty} waits for the store: {Reason}")]
    private partial void LogAway(string duty, string reason);

    [LoggerMessage(EventName = "DutyEnded", Level = LogLevel.Warning, Message = "The claim of {Duty} ended before its work did.")]
    private partial void LogEnded(string duty);
}
