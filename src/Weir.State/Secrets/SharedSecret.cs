using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Weir.State.Secrets;

/// <summary>
/// A secret that all replicas share: made once by whichever comes first, the same for all of them and after a restart. While the store
/// has not been reached, only what needs the secret is affected. A store that has lost it is given it again by whoever still has it; where a replica that had none was first, theirs counts for all.
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
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private byte[]? _secret;

    /// <summary>Given the secret, and again where the store has another one.</summary>
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
        var pause = FirstPause;
        while (true)
        {
            try
            {
                await foreach (var step in store.WatchAsync(Partition, [key], stoppingToken))
                {
                    await ReadAsync(step, stoppingToken);
                    if (_secret is not null)
                        _tried.TrySetResult();
                    pause = FirstPause;
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

    private async Task ReadAsync(Feed step, CancellationToken cancellationToken)
    {
        Document? document = null;
        switch (step)
        {
            case Feed.Snapshot snapshot:
                document = snapshot.Documents.FirstOrDefault(one => one.Key == key);
                break;
            case Feed.Changes changes when changes.Items.Any(change => change.Key == key):
                document = changes.Items.Last(change => change.Key == key).Document;
                break;
            default:
                return;
        }

        if (document is null)
        {
            await MakeAsync(_secret ?? RandomNumberGenerator.GetBytes(length), cancellationToken);
            return;
        }

        var secret = Parse(document.Body.Span)
            ?? throw new InvalidDataException($"the document {key} of partition {Partition} does not hold a secret; delete it and a new one is made, and what was signed so far ends");
        if (_secret is not null && CryptographicOperations.FixedTimeEquals(_secret, secret))
            return;
        Use(secret);
        _secret = secret;
    }

    // Whoever was first, the feed shows it.
    private async Task MakeAsync(byte[] secret, CancellationToken cancellationToken)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["secret"] = Convert.ToBase64String(secret) });
        var commit = new Commit(Partition) { Writes = [new Write(key, 0, body)] };
        if (await store.CommitAsync(commit, cancellationToken) is CommitOutcome.Unknown && await store.SettleAsync(commit, cancellationToken) is CommitOutcome.Unknown(var reason))
            throw new StoreUnavailableException(reason);
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
