using System.Diagnostics;
using System.Globalization;

namespace Weir.Benchmarks;

/// <summary>Worker processes that begin together and stay until they are disposed.</summary>
internal sealed class EmbeddingsSharedWorkers : IAsyncDisposable
{
    private readonly List<Process> _workers = [];

    public static async Task<EmbeddingsSharedWorkers> StartAsync(int count, string mode, int texts, int asked, string[] places)
    {
        var workers = new EmbeddingsSharedWorkers();
        try
        {
            var script = Path.Combine(AppContext.BaseDirectory, "embeddings_worker.py");
            for (var i = 0; i < count; i++)
            {
                var start = new ProcessStartInfo("python3", ["-B", script, mode, texts.ToString(CultureInfo.InvariantCulture), asked.ToString(CultureInfo.InvariantCulture), .. places])
                {
                    RedirectStandardInput = true,
                    RedirectStandardOutput = true,
                };
                workers._workers.Add(Process.Start(start) ?? throw new InvalidOperationException("python3 did not start."));
            }

            await workers.SayAsync("started");
            return workers;
        }
        catch
        {
            await workers.DisposeAsync();
            throw;
        }
    }

    /// <summary>How long all of them took, in seconds.</summary>
    public async Task<double> WorkAsync()
    {
        var began = TimeProvider.System.GetTimestamp();
        foreach (var worker in _workers)
            await worker.StandardInput.WriteLineAsync("go");
        await SayAsync("done");
        return TimeProvider.System.GetElapsedTime(began).TotalSeconds;
    }

    public double ProportionalMegabytes() => _workers.Sum(worker => ProportionalMegabytes(worker.Id));

    /// <summary>Of one process, in MB of 1,000,000 bytes: each page divided by how many processes have it.</summary>
    public static double ProportionalMegabytes(int process)
    {
        var line = File.ReadLines($"/proc/{process}/smaps_rollup").First(line => line.StartsWith("Pss:", StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024 / 1e6;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in _workers)
        {
            worker.Kill();
            await worker.WaitForExitAsync();
            worker.Dispose();
        }
    }

    private async Task SayAsync(string word)
    {
        foreach (var worker in _workers)
        {
            if (await worker.StandardOutput.ReadLineAsync() != word)
                throw new InvalidOperationException($"A worker ended before it was {word}; what it said stands above.");
        }
    }
}
