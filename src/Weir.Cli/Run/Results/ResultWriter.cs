using System.Threading.Channels;
using Weir.State.Files;

namespace Weir.Cli.Run.Results;

/// <summary>Appends results so that they outlive a power cut: those that come together share one flush to disk.</summary>
internal sealed class ResultWriter : IAsyncDisposable
{
    private const int MostWaiting = 1024;

    private readonly FileStream _file;
    private readonly Channel<(byte[] Line, TaskCompletionSource Done)> _waiting = Channel.CreateBounded<(byte[], TaskCompletionSource)>(
        new BoundedChannelOptions(MostWaiting) { SingleReader = true });

    private readonly Task _writing;

    /// <param name="path">Made where it is missing; must end with a whole line.</param>
    /// <exception cref="IOException">It cannot be written.</exception>
    public ResultWriter(string path)
    {
        _file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _file.Flush(flushToDisk: true);
        DurableFile.FlushEntry(path);
        _writing = Task.Run(WriteAsync);
    }

    /// <summary>Returns once it is on the disk.</summary>
    /// <param name="line">Of one result, line feed included.</param>
    /// <exception cref="IOException">It could not be written; nothing more will be.</exception>
    public async Task AppendAsync(byte[] line)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await _waiting.Writer.WriteAsync((line, done));
        }
        catch (ChannelClosedException closed) when (closed.InnerException is IOException fault)
        {
            throw fault;
        }

        await done.Task;
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await _writing;
        await _file.DisposeAsync();
    }

    private async Task WriteAsync()
    {
        var batch = new List<TaskCompletionSource>();
        try
        {
            while (await _waiting.Reader.WaitToReadAsync())
            {
                while (batch.Count < MostWaiting && _waiting.Reader.TryRead(out var next))
                {
                    batch.Add(next.Done);
                    await _file.WriteAsync(next.Line);
                }

                _file.Flush(flushToDisk: true);
                batch.ForEach(done => done.SetResult());
                batch.Clear();
            }
        }
        catch (Exception fault)
        {
            // What follows a half-written line would be lost with it: nothing follows.
            var told = new IOException($"{_file.Name} cannot be written: {fault.Message}", fault);
            _waiting.Writer.TryComplete(told);
            batch.ForEach(done => done.SetException(told));
            while (_waiting.Reader.TryRead(out var next))
                next.Done.SetException(told);
        }
    }
}
