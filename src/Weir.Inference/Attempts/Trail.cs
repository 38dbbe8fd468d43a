using Weir.Inference.Providers;

namespace Weir.Inference.Attempts;

/// <summary>What one request has met on its way: where it failed, why, and how often it was tried again. Empty until something fails.</summary>
internal sealed class Trail
{
    private Mark[]? _marks;
    private int _network;
    private int _unavailable;
    private int _rateLimited;

    /// <summary>Sends so far, this one included.</summary>
    public int Attempts { get; set; }

    /// <summary>The last failure; null while there was none.</summary>
    public Failure? Last { get; private set; }

    /// <summary>Why the first deployment that could not express the request could not; null where none was such. Nothing was sent, so it is no failure.</summary>
    public InferenceError? Inexpressible { get; private set; }

    public bool HasFailed(int deployment) => _marks is { } marks && marks[deployment].Failure is not null;

    public Failure? FailureAt(int deployment) => _marks?[deployment].Failure;

    /// <summary>The earliest timestamp at which the deployment may be tried again.</summary>
    public long ReadyAt(int deployment) => _marks?[deployment].ReadyAt ?? 0;

    public void Failed(int deployment, int deployments, Failure failure, long readyAt)
    {
        if (failure.Class == FailureClass.Inexpressible)
        {
            Inexpressible ??= failure.Error;
        }
        else
        {
            Last = failure;
        }

        (_marks ??= new Mark[deployments])[deployment] = new Mark(failure, readyAt);
    }

    /// <summary>How often this request has been tried again after failures of a class.</summary>
    public int RetriesOf(FailureClass kind) => kind switch
    {
        FailureClass.Network => _network,
        FailureClass.Unavailable => _unavailable,
        FailureClass.RateLimited => _rateLimited,
        _ => 0,
    };

    public void CountRetry(FailureClass kind)
    {
        switch (kind)
        {
            case FailureClass.Network:
                _network++;
                break;
            case FailureClass.Unavailable:
                _unavailable++;
                break;
            case FailureClass.RateLimited:
                _rateLimited++;
                break;
        }
    }

    private readonly record struct Mark(Failure? Failure, long ReadyAt);
}
