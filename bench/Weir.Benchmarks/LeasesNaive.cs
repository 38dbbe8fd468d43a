using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Weir.Benchmarks;

/// <summary>
/// The peer: the allocator that people write. One lock over everything, kind after kind, and a file flushed to disk for each, so that a restart remembers it. No order, no ends,
/// no fences, no roll back; a process of its own.
/// </summary>
internal static class LeasesNaive
{
    public const string Command = "leases-naive";

    public static Task<GatewayProcess> StartAsync(string folder)
    {
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        Directory.CreateDirectory(folder);
        return GatewayProcess.StartAsync(url, "dotnet", Path.Combine(AppContext.BaseDirectory, "Weir.Benchmarks.dll"), Command, $"http://127.0.0.1:{url.Port}", folder);
    }

    public static async Task<int> RunAsync(string[] args)
    {
        var free = new Dictionary<string, Queue<string>>
        {
            [LeasesServer.Rag] = new(Enumerable.Range(0, LeasesServer.Capacity).Select(i => $"rag.{i}")),
            [LeasesServer.Remote] = new(Enumerable.Range(0, LeasesServer.Capacity).Select(i => $"remote.{i}")),
        };
        var held = new Dictionary<long, List<(string Kind, string Id)>>();
        var next = 0L;
        using var everything = new SemaphoreSlim(1);
        using var file = new FileStream(Path.Combine(args[1], "allocations"), FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls(args[0]);
        var app = builder.Build();
        app.Run(async context =>
        {
            using var body = context.Request.Method == "POST" ? await JsonDocument.ParseAsync(context.Request.Body) : null;
            await everything.WaitAsync();
            try
            {
                if (body is null)
                {
                    held.Remove(long.Parse(context.Request.Path.Value!["/v1/leases/".Length..], CultureInfo.InvariantCulture), out var all);
                    foreach (var (kind, id) in all ?? [])
                    {
                        await WriteDownAsync(file, $"free {id}\n");
                        free[kind].Enqueue(id);
                    }

                    context.Response.StatusCode = StatusCodes.Status204NoContent;
                    return;
                }

                var given = new List<(string Kind, string Id)>();
                foreach (var one in body.RootElement.GetProperty("resources").EnumerateArray())
                {
                    var kind = one.GetProperty("kind").GetString()!;
                    var id = free[kind].Dequeue();
                    await WriteDownAsync(file, $"{body.RootElement.GetProperty("worker_id").GetString()} has {id}\n");
                    given.Add((kind, id));
                }

                held.Add(++next, given);
                context.Response.StatusCode = StatusCodes.Status201Created;
                await JsonSerializer.SerializeAsync(context.Response.Body, new { id = $"{next}", fence = next, resources = given.Select(one => one.Id) });
            }
            finally
            {
                everything.Release();
            }
        });
        await app.RunAsync();
        return 0;
    }

    private static async Task WriteDownAsync(FileStream file, string line)
    {
        await file.WriteAsync(System.Text.Encoding.UTF8.GetBytes(line));
        file.Flush(flushToDisk: true);
    }
}
