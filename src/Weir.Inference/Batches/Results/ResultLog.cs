using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Weir.State;

namespace Weir.Inference.Batches.Results;

/// <summary>
/// Makes results durable: what comes while one append is under way goes with the next, so that many lines share an fsync and none
/// waits for company. While the store is away it tries again, under the same fence, and whoever waits goes on waiting.
/// </summary>
internal sealed partial class ResultLog : IAsyncDisposable
{
    private const int MostRecords = 128;
    private const int MostBytes = 4 << 20;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly ILogStore _logs;
    private readonly string _name;
    private readonly long _fence;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationToken _ends;
    private readonly Channel<Waiting> _queue = Channel.CreateUnbounded<Waiting>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Task _writing;
    private ILogWriter _writer;

    private ResultLog(ILogStore logs, string name, long fence, ILogWriter writer, TimeProvider time, ILogger logger, CancellationToken ends)
    {
        (_logs, _name, _fence, _writer, _time, _logger, _ends) = (logs, name, fence, writer, time, logger, ends);
        _writing = WriteAsync();
    }

    /// <param name="logs">Where the log stands.</param>
    /// <param name="name">The log.</param>
    /// <param name="fence">Of the claim: a log that was opened with a higher one takes nothing more from here.</param>
    /// <param name="time">Between tries.</param>
    /// <param name="logger">Where an outage is told.</param>
    /// <param name="ends">Ends the wait for a store that is away.</param>
    /// <exception cref="StaleFenceException">Another holds the batch.</exception>
    public static async Task<ResultLog> OpenAsync(
        ILogStore logs, string name, long fence, TimeProvider time, ILogger logger, CancellationToken ends) =>
        new(logs, name, fence, await logs.OpenAsync(name, fence, ends).ConfigureAwait(false), time, logger, ends);

    /// <summary>Returns when the result is durable. How much waits is bounded by how many lines are under way.</summary>
    public Task AppendAsync(in LineRecord result)
    {
        var waiting = new Waiting(result.Encode());
        return _queue.Writer.TryWrite(waiting) ? waiting.Durable.Task : Task.FromException(new ObjectDisposedException(nameof(ResultLog)));
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writing.ConfigureAwait(false);
        await _writer.DisposeAsync().ConfigureAwait(false);
    }

    private async Task WriteAsync()
    {
        var group = new List<Waiting>();
        Exception? over = null;
        while (await _queue.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            group.Clear();
            var bytes = 0;
            while (group.Count < MostRecords && bytes < MostBytes && _queue.Reader.TryRead(out var waiting))
            {
                group.Add(waiting);
                bytes += waiting.Record.Length;
            }

            try
            {
                if (over is null)
                {
                    await AppendAsync([.. group.Select(waiting => waiting.Record)]).ConfigureAwait(false);
                }
            }
            catch (Exception fault)
            {
                // A higher fence, or the end of the claim: nothing that follows can be written either.
                over = fault;
            }

            foreach (var waiting in group)
            {
                if (over is null)
                {
                    waiting.Durable.SetResult();
                }
                else
                {
                    waiting.Durable.SetException(over);
                }
            }
        }
    }

    private async Task AppendAsync(ReadOnlyMemory<byte>[] records)
    {
        var pause = FirstPause;
        for (var tries = 0; ; tries++)
        {
            try
            {
                if (tries > 0)
                {
                    // What the last try left behind is cut, and its count is read again.
                    await _writer.DisposeAsync().ConfigureAwait(false);
                    _writer = await _logs.OpenAsync(_name, _fence, _ends).ConfigureAwait(false);
                }

                await _writer.AppendAsync(records, _ends).ConfigureAwait(false);
                if (tries > 0)
                {
                    LogAgain(_name);
                }

                return;
            }
            catch (StoreUnavailableException fault)
            {
                if (tries == 0)
                {
                    LogAway(_name, fault.Message);
                }
            }

            await Task.Delay(pause, _time, _ends).ConfigureAwait(false);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private sealed record Waiting(ReadOnlyMemory<byte> Record)
    {
        public TaskCompletionSource Durable { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    [LoggerMessage(EventId = 232, EventName = "BatchLogAway", Level = LogLevel.Warning, Message = "Results of {Log} cannot be written and wait for the store: {Reason}")]
    private partial void LogAway(string log, string reason);

    [LoggerMessage(EventId = 233, EventName = "BatchLogAgain", Level = LogLevel.Information, Message = "Results of {Log} are written again.")]
    private partial void LogAgain(string log);
}
