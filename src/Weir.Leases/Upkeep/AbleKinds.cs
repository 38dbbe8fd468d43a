using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Weir.Leases.Kinds;

namespace Weir.Leases.Upkeep;

/// <summary>Whether this replica can have resources of a kind; asked once for each definition.</summary>
internal sealed partial class AbleKinds(TimeProvider time, ILogger<AbleKinds> logger)
{
    private static readonly TimeSpan Within = TimeSpan.FromMinutes(1);

    private readonly ILogger _logger = logger;
    private readonly ConcurrentDictionary<(string Kind, string Definition), Lazy<Task<LeaseError?>>> _asked = new();

    /// <summary>An answer has come in.</summary>
    public event Action? Changed;

    /// <summary>Null: it is not known yet; looking asks.</summary>
    public bool? IsAble(KnownKind kind) =>
        AskAsync(kind) is { IsCompletedSuccessfully: true } known ? known.Result is null : null;

    /// <summary>Null: it is able, or not known yet.</summary>
    public LeaseError? Why(KnownKind kind) => AskAsync(kind) is { IsCompletedSuccessfully: true } known ? known.Result : null;

    private Task<LeaseError?> AskAsync(KnownKind kind) =>
        _asked.GetOrAdd((kind.Name, kind.Definition), _ => new Lazy<Task<LeaseError?>>(() => Task.Run(() => AnswerAsync(kind)))).Value;

    private async Task<LeaseError?> AnswerAsync(KnownKind kind)
    {
        using var ends = new CancellationTokenSource(Within, time);
        LeaseError? error;
        try
        {
            error = await kind.Implementation.UnableAsync(kind.Options, ends.Token).AsTask().WaitAsync(Within, time).ConfigureAwait(false);
        }
        catch (Exception fault)
        {
            error = new LeaseError(503, "unavailable", $"Whether this replica can have '{kind.Name}' could not be told: {fault.Message}");
        }

        if (error is not null)
            LogUnable(kind.Name, error.Message);
        // Whoever is told asks again, and must find the answer.
        _ = Task.Run(() => Changed?.Invoke());
        return error;
    }

    [LoggerMessage(EventName = "KindUnable", Level = LogLevel.Warning, Message = "This replica has no resources of the kind {Kind}: {Reason}")]
    private partial void LogUnable(string kind, string reason);
}
