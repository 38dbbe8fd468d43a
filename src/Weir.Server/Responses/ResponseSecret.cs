using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Inference.Responses;
using Weir.Server.Observability.Health;
using Weir.State;

namespace Weir.Server.Responses;

/// <summary>
/// Gives the gateway the secret that response ids are signed with: made once by whichever replica comes first, the same for all of
/// them and after a restart. While the store has not been reached, <c>/v1/responses</c> answers 503 and nothing else is affected.
/// </summary>
internal sealed partial class ResponseSecret(
    IStateStore store, ResponseIds ids, TimeProvider time, ILogger<ResponseSecret> log) : BackgroundService, IReadinessCheck
{
    public const string Partition = "config";
    public const string Key = "secrets/response-ids";

    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);

    string IReadinessCheck.Name => "response_ids";

    DependencyHealth IReadinessCheck.Check() => ids.IsReady
        ? DependencyHealth.Ok
        : DependencyHealth.Degraded("The secret of response ids has not been read from the store yet; /v1/responses answers 503 until it is.");

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await base.StartAsync(cancellationToken);
        try
        {
            // Usually the first request finds it there; a store that is away keeps the server waiting for a moment and no longer.
            await _tried.Task.WaitAsync(FirstWait, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            LogSlow();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = TimeSpan.FromMilliseconds(100);
        while (true)
        {
            try
            {
                if ((await ReadAsync(stoppingToken) ?? await MakeAsync(stoppingToken)) is { } secret)
                {
                    ids.Use(secret);
                    _tried.TrySetResult();
                    return;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                // The store's own words: the document's body never gets into a message.
                LogNotRead(fault.Message, pause);
            }

            _tried.TrySetResult();

            try
            {
                await Task.Delay(pause, time, stoppingToken);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private async Task<byte[]?> ReadAsync(CancellationToken cancellationToken)
    {
        if (await store.ReadAsync(Partition, Key, cancellationToken) is not { } document)
        {
            return null;
        }

        return Parse(document.Body.Span)
            ?? throw new InvalidDataException($"the document {Key} of partition {Partition} does not hold a secret; delete it and a new one is made, and the ids given so far end");
    }

    // Null: another replica was first, or nobody knows; reading tells.
    private async Task<byte[]?> MakeAsync(CancellationToken cancellationToken)
    {
        var secret = RandomNumberGenerator.GetBytes(ResponseIds.SecretLength);
        var body = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["secret"] = Convert.ToBase64String(secret) });
        var commit = new Commit(Partition) { Writes = [new Write(Key, 0, body)] };
        var outcome = await store.CommitAsync(commit, cancellationToken);
        if (outcome is CommitOutcome.Unknown)
        {
            outcome = await store.SettleAsync(commit, cancellationToken);
        }

        return outcome is CommitOutcome.Committed ? secret : null;
    }

    private static byte[]? Parse(ReadOnlySpan<byte> body)
    {
        try
        {
            var text = JsonSerializer.Deserialize<Dictionary<string, string>>(body)?.GetValueOrDefault("secret");
            var secret = Convert.FromBase64String(text ?? "");
            return secret.Length == ResponseIds.SecretLength ? secret : null;
        }
        catch (Exception fault) when (fault is JsonException or FormatException)
        {
            return null;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The secret of response ids could not be read in time; /v1/responses answers 503 until it is.", EventName = "response_secret_slow")]
    private partial void LogSlow();

    [LoggerMessage(2, LogLevel.Warning, "The secret of response ids could not be read ({Reason}); trying again in {Pause}.", EventName = "response_secret_unread")]
    private partial void LogNotRead(string reason, TimeSpan pause);
}
