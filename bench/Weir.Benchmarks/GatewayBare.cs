using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Weir.Benchmarks;

/// <summary>The least that a pass-through in .NET can be, in a process of its own: what Weir is measured against.</summary>
internal static class GatewayBare
{
    public const string Command = "gateway-bare";

    public static async Task<int> RunAsync(string[] args)
    {
        var upstream = new Uri(args[1]);
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls(args[0]).ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        var app = builder.Build();
        var invoker = new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false, UseCookies = false, AllowAutoRedirect = false, ActivityHeadersPropagator = null });
        app.Run(async context =>
        {
            if (context.Request.Path == "/allocated")
            {
                await context.Response.WriteAsync($"{GC.GetTotalAllocatedBytes(precise: true)}");
                return;
            }

            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(upstream, context.Request.Path)) { Content = new StreamContent(context.Request.Body) };
            request.Content.Headers.ContentLength = context.Request.ContentLength;
            request.Content.Headers.TryAddWithoutValidation("Content-Type", context.Request.ContentType);
            request.Headers.TryAddWithoutValidation("Authorization", context.Request.Headers.Authorization.ToString());
            using var response = await invoker.SendAsync(request, context.RequestAborted);
            context.Response.StatusCode = (int)response.StatusCode;
            context.Response.ContentLength = response.Content.Headers.ContentLength;
            context.Response.ContentType = response.Content.Headers.ContentType?.ToString();
            var body = await response.Content.ReadAsStreamAsync(context.RequestAborted);
            var buffer = new byte[4096];
            while (await body.ReadAsync(buffer, context.RequestAborted) is var read and > 0)
            {
                await context.Response.Body.WriteAsync(buffer.AsMemory(0, read), context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
            }
        });
        await app.RunAsync();
        return 0;
    }
}
