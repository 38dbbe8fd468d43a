using System.Text;
using Weir.Server.Observability.Access;
using Weir.Server.Observability.Logging;

namespace Weir.Tests.Server.Observability.Access;

public sealed class LineQueueTests
{
    [Fact]
    public void Append_BeyondTheBound_DropsAndCounts()
    {
        using var queue = new LineQueue(most: 10);
        queue.Append("12345\n"u8);
        queue.Append("67890\n"u8);
        queue.Append("abc\n"u8);

        Encoding.UTF8.GetString(queue.Take(out var dropped)).ShouldBe("12345\nabc\n");
        dropped.ShouldBe(1);

        queue.Append("next\n"u8);
        Encoding.UTF8.GetString(queue.Take(out dropped)).ShouldBe("next\n");
        dropped.ShouldBe(0);
    }

    [Fact]
    public async Task Append_FromManyThreads_LosesAndTearsNothing()
    {
        using var queue = new LineQueue();
        var writers = Enumerable.Range(0, 4).Select(w => Task.Run(() =>
        {
            for (var i = 0; i < 1000; i++) queue.Append(Encoding.ASCII.GetBytes($"{w} {i}\n"));
        })).ToArray();
        var read = new StringBuilder();
        while (!writers.All(w => w.IsCompleted)) read.Append(Encoding.ASCII.GetString(queue.Take(out _)));
        await Task.WhenAll(writers);
        read.Append(Encoding.ASCII.GetString(queue.Take(out _)));

        var lines = read.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);

        lines.Order(StringComparer.Ordinal).ShouldBe(
            Enumerable.Range(0, 4).SelectMany(w => Enumerable.Range(0, 1000).Select(i => $"{w} {i}")).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Writer_WhatWaits_IsWrittenAfterAMomentAndAtTheStop()
    {
        using var queue = new LineQueue(most: 6000);
        using var output = new MemoryStream();
        using var writer = new AccessWriter(queue, LogFormat.Text, new AccessOutput(output), TimeProvider.System);
        await writer.StartAsync(CancellationToken.None);
        var line = Encoding.ASCII.GetBytes(new string('x', 999) + "\n");
        for (var i = 0; i < 7; i++) queue.Append(line);

        await writer.StopAsync(CancellationToken.None);

        var written = Encoding.ASCII.GetString(output.ToArray());
        written.Count(c => c == 'x').ShouldBe(6 * 999);
        written.ShouldContain("1 lines of the access log were dropped");
    }
}
