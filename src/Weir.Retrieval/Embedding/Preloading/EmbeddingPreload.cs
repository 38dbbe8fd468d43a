using System.Collections.Immutable;
using Microsoft.Extensions.Logging;

namespace Weir.Retrieval.Embedding.Preloading;

/// <summary>
/// Embeds in the background what is configured, so that it is known when somebody asks. It begins anew when the list changes; what is wrong with
/// one source is said there and keeps none of the others back.
/// </summary>
internal sealed partial class EmbeddingPreload(EmbeddingService service, Func<IEnumerable<IPreloadSource>> sources, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>How long until what is not there yet, or is busy, is tried again.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(5);

    private const int BatchTexts = 64;
    private const int BatchChars = 64 * 1024;
    private const int MostTries = 60;
    private const int MostSources = 1000;

    private readonly EmbeddingAsker _asker = new("weir", "preload") { IsBackground = true, Priority = 0 };
    private readonly ILogger _logger = logger;
    private readonly Lock _sync = new();
    private IReadOnlyList<string> _wanted = [];
    private CancellationTokenSource _ends = new();
    private Task _running = Task.CompletedTask;
    private ImmutableList<PreloadTally> _tallies = [];

    public PreloadProgress Progress
    {
        get
        {
            var progress = Volatile.Read(ref _tallies).Select(tally => tally.ToProgress()).ToArray();
            lock (_sync)
            {
                return new PreloadProgress(
                    !_running.IsCompleted, progress.Sum(source => source.Total), progress.Sum(source => source.Done), progress.Sum(source => source.Failed), progress);
            }
        }
    }

    /// <summary>Begins, unless it did with the same list.</summary>
    public void Apply(IReadOnlyList<string> wanted)
    {
        IReadOnlyList<string> list = [.. wanted];
        CancellationTokenSource superseded;
        lock (_sync)
        {
            if (_wanted.SequenceEqual(list, StringComparer.Ordinal))
                return;
            (superseded, _ends, _wanted) = (_ends, new CancellationTokenSource(), list);
            var (before, ends) = (_running, _ends.Token);
            _running = Task.Run(() => RunAsync(before, list, ends), CancellationToken.None);
        }

        // What listens is not ours: it runs after the lock. The new one waits for it.
        superseded.Cancel();
    }

    public async ValueTask DisposeAsync()
    {
        Task running;
        CancellationTokenSource ends;
        lock (_sync)
            (running, ends) = (_running, _ends);
        await ends.CancelAsync();
        await running;
    }

    private async Task RunAsync(Task before, IReadOnlyList<string> wanted, CancellationToken cancellationToken)
    {
        await before;
        Volatile.Write(ref _tallies, []);
        // What is not there may still be on its way, such as a catalog: it is asked for again when all others are done.
        var left = wanted;
        for (var attempt = 1; left.Count > 0 && attempt <= MostTries; attempt++)
        {
            var absent = new List<string>();
            try
            {
                if (attempt > 1)
                    await Task.Delay(Pause, time, cancellationToken);
                foreach (var source in left)
                {
                    if (!await TryPreloadAsync(source, cancellationToken))
                        absent.Add(source);
                }
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }

            left = absent;
        }

        var (_, _, done, failed, _) = Progress;
        LogDone(done, failed);
    }

    /// <summary>False where it is not there, or not yet.</summary>
    private async Task<bool> TryPreloadAsync(string wanted, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            var scheme = wanted.IndexOf(':', StringComparison.Ordinal);
            if (scheme > 0 && sources().FirstOrDefault(source => source.Scheme == wanted[..scheme]) is { } source)
                return await PreloadAsync(TallyOf(wanted), source, wanted[(scheme + 1)..], cancellationToken);
            await PreloadFilesAsync(wanted, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            LogFailed(e, wanted);
            TallyOf(wanted).Failed(0, e.Message);
        }

        return true;
    }

    private async Task<bool> PreloadAsync(PreloadTally tally, IPreloadSource source, string name, CancellationToken cancellationToken)
    {
        if (await source.FindAsync(name, cancellationToken) is not { } texts)
        {
            tally.Failed(0, $"There is no {source.Scheme} '{name}'.");
            return false;
        }

        tally.Begins();
        await EmbedAsync(tally, WithoutFaults(texts, cancellationToken), cancellationToken);
        return true;
    }

    private async Task PreloadFilesAsync(string wanted, CancellationToken cancellationToken)
    {
        var files = PreloadFiles.Find(wanted);
        if (files.Count == 0)
            TallyOf(wanted).Failed(0, "No file matches.");
        foreach (var file in files)
        {
            var tally = TallyOf(file);
            try
            {
                await EmbedAsync(tally, PreloadFiles.ReadAsync(file, cancellationToken), cancellationToken);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                tally.Failed(0, e.Message);
            }
        }
    }

    private async Task EmbedAsync(PreloadTally tally, IAsyncEnumerable<(PreloadText Text, string? Fault)> texts, CancellationToken cancellationToken)
    {
        var (batch, chars) = (new List<PreloadText>(), 0);
        await foreach (var (text, fault) in texts.WithCancellation(cancellationToken))
        {
            tally.Found(1);
            if (fault is not null)
            {
                tally.Failed(1, fault);
                continue;
            }

            if (batch.Count > 0 && (batch.Count == BatchTexts || chars + text.Text.Length > BatchChars || batch[0].Model != text.Model))
            {
                await EmbedAsync(tally, batch, cancellationToken);
                batch.Clear();
                chars = 0;
            }

            batch.Add(text);
            chars += text.Text.Length;
        }

        if (batch.Count > 0)
            await EmbedAsync(tally, batch, cancellationToken);
    }

    private async Task EmbedAsync(PreloadTally tally, List<PreloadText> batch, CancellationToken cancellationToken)
    {
        var error = await TryEmbedAsync(batch, cancellationToken);
        if (error is null)
        {
            tally.Done(batch.Count);
            return;
        }

        if (batch.Count == 1 || error.Status == 404)
        {
            tally.Failed(batch.Count, error.Message);
            return;
        }

        // One of them may be what fails.
        foreach (var text in batch)
            await EmbedAsync(tally, [text], cancellationToken);
    }

    private async Task<RetrievalError?> TryEmbedAsync(List<PreloadText> batch, CancellationToken cancellationToken)
    {
        var model = batch[0].Model ?? UsualModel();
        var request = new EmbeddingRequest { Model = model, Inputs = [.. batch.Select(text => EmbeddingInput.OfText(text.Text))], Asker = _asker };
        for (var attempt = 1; ; attempt++)
        {
            var error = (await service.EmbedAsync(request, cancellationToken)).Error;
            if (error is null || attempt == MostTries || error.Status is not (429 or 503))
                return error;
            await Task.Delay(error.RetryAfter ?? Pause, time, cancellationToken);
        }
    }

    /// <summary>The one named default, else the first by name.</summary>
    private string UsualModel() => service.Has("default") ? "default" : service.Models.Order(StringComparer.Ordinal).FirstOrDefault() ?? "default";

    /// <summary>Beyond a bound of sources, the last one stands for the rest.</summary>
    private PreloadTally TallyOf(string name)
    {
        var tallies = Volatile.Read(ref _tallies);
        if (tallies.Find(tally => tally.Name == name) is { } known)
            return known;
        if (tallies.Count > MostSources)
            return tallies[^1];
        var tally = new PreloadTally(tallies.Count == MostSources ? "others" : name);
        Volatile.Write(ref _tallies, tallies.Add(tally));
        return tally;
    }

    private static async IAsyncEnumerable<(PreloadText Text, string? Fault)> WithoutFaults(
        IAsyncEnumerable<PreloadText> texts, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var text in texts.WithCancellation(cancellationToken))
            yield return (text, null);
    }

    [LoggerMessage(EventName = "EmbeddingPreloadDone", Level = LogLevel.Information, Message = "Texts embedded in advance: {Done}; failed: {Failed}.")]
    private partial void LogDone(long done, long failed);

    [LoggerMessage(EventName = "EmbeddingPreloadFailed", Level = LogLevel.Warning, Message = "Embedding {Source} in advance failed.")]
    private partial void LogFailed(Exception exception, string source);
}
