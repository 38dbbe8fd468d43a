using System.Globalization;

namespace Weir.Cli.Run.Progress;

/// <summary>Shows how far a run is: one line that is written over on a terminal, a new line every ten seconds elsewhere.</summary>
internal sealed class ProgressLine(RunTally tally, TextWriter output, bool isTerminal, TimeProvider time) : IAsyncDisposable
{
    private const int BarWidth = 20;
    private const int Window = 30;
    private static readonly TimeSpan Terminal = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Elsewhere = TimeSpan.FromSeconds(10);

    // Over the last half minute: a rate since the start would take an hour to see that it has become slow.
    private readonly Queue<(long At, int Done)> _seen = new([(time.GetTimestamp(), tally.Done)]);
    private readonly CancellationTokenSource _over = new();
    private Task _showing = Task.CompletedTask;
    private int _written;

    public void Start() => _showing = ShowAsync();

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        await _showing;
        _over.Dispose();
        if (isTerminal)
            await output.WriteAsync("\r" + new string(' ', _written) + "\r");
    }

    internal string Text()
    {
        var (now, done) = (time.GetTimestamp(), tally.Done);
        _seen.Enqueue((now, done));
        while (_seen.Count > 2 && time.GetElapsedTime(_seen.Peek().At, now) > TimeSpan.FromSeconds(Window))
            _seen.Dequeue();
        var (since, before) = _seen.Peek();
        var seconds = time.GetElapsedTime(since, now).TotalSeconds;
        var rate = seconds > 0 ? (done - before) / seconds : 0;

        var whole = tally.Before + done;
        var share = tally.Total == 0 ? 1 : (double)whole / tally.Total;
        var filled = (int)(share * BarWidth);
        var left = tally.Total - whole;
        var parts = new List<string>
        {
            string.Create(CultureInfo.InvariantCulture, $"[{new string('#', filled)}{new string('-', BarWidth - filled)}] {whole}/{tally.Total} {Math.Floor(share * 100)}%"),
            string.Create(CultureInfo.InvariantCulture, $"{rate:0.0}/s"),
        };
        if (rate > 0 && left > 0)
            parts.Add(Span(TimeSpan.FromSeconds(left / rate)) + " left");
        if (tally.NotOk is > 0 and var failed)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"{failed} not ok"));
        parts.Add(string.Create(CultureInfo.InvariantCulture, $"{tally.Running} running"));
        if (tally.Waiting is > 0 and var waiting)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"{waiting} waiting for leases"));
        if (tally.ServerFault is { } fault)
            parts.Add(fault);
        return string.Join(", ", parts);
    }

    internal static string Span(TimeSpan span) => span.TotalHours >= 100 ? "days"
        : span.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours} h {span.Minutes} min")
        : span.TotalMinutes >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{span.Minutes} min {span.Seconds} s")
        : string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(span.TotalSeconds)} s");

    private async Task ShowAsync()
    {
        using var timer = new PeriodicTimer(isTerminal ? Terminal : Elsewhere, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_over.Token))
                await WriteAsync(Text());
        }
        catch (OperationCanceledException)
        {
            // The run is over.
        }
        catch (IOException)
        {
            // Nobody looks any more: the run goes on.
        }
    }

    private async Task WriteAsync(string text)
    {
        if (!isTerminal)
        {
            await output.WriteLineAsync(text);
            return;
        }

        var width = Math.Max(20, WidthOfTerminal() - 1);
        if (text.Length > width)
            text = text[..width];
        await output.WriteAsync("\r" + text.PadRight(_written));
        await output.FlushAsync();
        _written = text.Length;
    }

    private static int WidthOfTerminal()
    {
        try
        {
            // A terminal need not know its size.
            return Console.WindowWidth is > 0 and var width ? width : 80;
        }
        catch (IOException)
        {
            return 80;
        }
    }
}
