using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Weir.Server.Hosting;

internal static class WebSetup
{
    // A slow client may hold a connection, never a thread, and not for ever.
    private static readonly TimeSpan HeadersWithin = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan IdleWithin = TimeSpan.FromSeconds(130);

    public static void AddWeb(this WebApplicationBuilder builder, WeirServerSetup setup)
    {
        var server = setup.Options.Server;
        var maxBody = server.MaxBody.Bytes;
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseUrls(server.Url);
        builder.Services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // What stands behind a door may say more than ASCII: a file's name.
            kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.UTF8;
            kestrel.ConfigureEndpointDefaults(listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Limits.MaxRequestBodySize = maxBody;
            kestrel.Limits.RequestHeadersTimeout = HeadersWithin;
            kestrel.Limits.KeepAliveTimeout = IdleWithin;
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(240, TimeSpan.FromSeconds(5));
            kestrel.Limits.MinResponseDataRate = new MinDataRate(240, TimeSpan.FromSeconds(5));
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
            kestrel.Limits.MaxRequestHeaderCount = 100;
        });
        builder.Services.Configure<HostOptions>(host =>
        {
            // The drain itself takes server.drain and cuts what is left; then that gets a moment to unwind, and usage to be written.
            host.ShutdownTimeout = server.Drain + TimeSpan.FromSeconds(5);
            // A background loop that ends by a fault ends the process: better a restart than half a server.
            host.BackgroundServiceExceptionBehavior = BackgroundServiceExceptionBehavior.StopHost;
        });
        builder.Services.Configure<JsonOptions>(json => WireJson.Configure(json.SerializerOptions));

        builder.Services.AddRouting();
        builder.Services.AddSingleton(new DrainOptions(server.Drain));
        builder.Services.AddSingleton(new FrontDoorOptions(maxBody));
        builder.Services.AddSingleton<Drain>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Drain>());
    }
}
