using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace Weir.Benchmarks;

/// <summary>The least that an answer of this length can cost in .NET: reads the request, writes fixed bytes. In a process of its own.</summary>
internal static class EmbeddingsBare
{
    public const string Command = "embeddings-bare";

    public static Task<GatewayProcess> StartAsync(string answer)
    {
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        return GatewayProcess.StartAsync(url, "dotnet", Path.Combine(AppContext.BaseDirectory, "Weir.Benchmarks.dll"), Command, url.ToString(), answer);
    }

    public static async Task<int> RunAsync(string[] args)
    {
        var answer = await File.ReadAllBytesAsync(args[1]);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls(args[0]);
        var app = builder.Build();
        app.Run(async context =>
        {
            while (await context.Request.BodyReader.ReadAsync() is var read)
            {
                context.Request.BodyReader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    break;
            }

            context.Response.ContentType = "application/json";
            context.Response.ContentLength = answer.Length;
            await context.Response.BodyWriter.WriteAsync(answer);
        });
        await app.RunAsync();
        return 0;
    }
}
