using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Weir.State.Secrets;

/// <summary>
/// A secret that all replicas share: made once by whichever comes first, the same for all of them and after a restart. While the store
/// has not been reached, only what needs the secret is affected.
/// </summary>
/// <param name="store">Where it is kept.</param>
/// <param name="key">Its document, in <see cref="Partition"/>.</param>
/// <param name="length">In bytes.</param>
/// <param name="time">The clock.</param>
/// <param name="log">Where it is told that it could not be read; never what it is.</param>
public abstract partial class SharedSecret(IStateStore store, string key, int length, TimeProvider time, ILogger log) : BackgroundService
{
    public const string Partition = "config";

    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Given the secret, once.</summary>
    protected abstract void Use(byte[] secret);

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
            LogSlow(key);
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
                    Use(secret);
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
                LogNotRead(key, fault.Message, pause);
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
        if (await store.ReadAsync(Partition, key, cancellationToken) is not { } document)
            return null;

        return Parse(document.Body.Span)
            ?? throw new InvalidDataException($"the document {key} of partition {Partition} does not hold a secret; delete it and a new one is made, and what was signed so far ends");
    }

    // Null: another replica was first, or nobody knows; reading tells.
    private async Task<byte[]?> MakeAsync(CancellationToken cancellationToken)
    {
        var secret = RandomNumberGenerator.GetBytes(length);
        var body = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["secret"] = Convert.ToBase64String(secret) });
        var commit = new Commit(Partition) { Writes = [new Write(key, 0, body)] };
        var outcome = await store.CommitAsync(commit, cancellationToken);
        if (outcome is CommitOutcome.Unknown)
            outcome = await store.SettleAsync(commit, cancellationToken);

        return outcome is CommitOutcome.Committed ? secret : null;
    }

    private byte[]? Parse(ReadOnlySpan<byte> body)
    {
        try
        {
            var text = JsonSerializer.Deserialize<Dictionary<string, string>>(body)?.GetValueOrDefault("secret");
            var secret = Convert.FromBase64String(text ?? "");
            return secret.Length == length ? secret : null;
        }
        catch (Exception fault) when (fault is JsonException or FormatException)
        {
            return null;
        }
    }

    [LoggerMessage(EventName = "SecretSlow", Level = LogLevel.Warning, Message = "{Key} could not be read in time; what needs it answers 503 until it is.")]
    private partial void LogSlow(string key);

    [LoggerMessage(EventName = "SecretUnread", Level = LogLevel.Warning, Message = "{Key} could not be read ({Reason}); trying again in {Pause}.")]
    private partial void LogNotRead(string key, string reason, TimeSpan pause);
}
