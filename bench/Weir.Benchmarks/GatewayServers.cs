using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace Weir.Benchmarks;

/// <summary>The upstream and what stands before it, each a process of its own on a free loopback port.</summary>
internal static class GatewayServers
{
    /// <summary>A chat completion of 0.4 kB, as the upstream gives it to everyone.</summary>
    private const string Completion =
        """{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","created":1700000000,"model":"bench-model","choices":[{"index":0,"message":{"role":"assistant","content":"A weir is a low dam: it pools a stream, levels it, and meters what flows over it, whatever comes down."},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":40,"completion_tokens":24,"total_tokens":64},"system_fingerprint":"fp_x"}""";

    public static Task<GatewayProcess> UpstreamAsync(string folder) => NginxAsync(folder, "upstream", $$"""
            location / { default_type application/json; return 200 '{{Completion}}'; }
        """);

    public static Task<GatewayProcess> NginxProxyAsync(string folder, Uri upstream) => NginxAsync(folder, "proxy", """
            location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }
        """, $$"""
          upstream up { server {{upstream.Authority}}; keepalive 64; keepalive_requests 1000000000; }
        """);

    public static Task<GatewayProcess> BareAsync(Uri upstream)
    {
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        return GatewayProcess.StartAsync(url, "dotnet", Path.Combine(AppContext.BaseDirectory, "Weir.Benchmarks.dll"), GatewayBare.Command, url.ToString(), upstream.ToString());
    }

    /// <summary>Portkey's gateway, from a folder in which npm has installed it.</summary>
    public static Task<GatewayProcess> PortkeyAsync(string folder, Uri upstream)
    {
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        var headers = new Dictionary<string, string> { ["x-portkey-provider"] = "openai", ["x-portkey-custom-host"] = $"{upstream}v1" };
        var script = Path.Combine(folder, "node_modules/@portkey-ai/gateway/build/start-server.js");
        return GatewayProcess.StartAsync(url, headers, "node", script, $"--port={url.Port}", "--headless");
    }

    /// <summary>A simulated provider that paces every answer.</summary>
    public static Task<GatewayProcess> SimulatedAsync(int tokensPerSecond, int tokens)
    {
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        return GatewayProcess.StartAsync(url, "dotnet", WeirDll(), "sim", "--url", url.ToString(), "--models", "*", "--tokens-per-second", $"{tokensPerSecond}", "--answer-tokens", $"{tokens}");
    }

    /// <summary>Weir with one provider, one route, whatever else is configured, and an app key, which is returned.</summary>
    public static async Task<(GatewayProcess Server, string Key)> WeirAsync(string folder, Uri upstream, string settings = "")
    {
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        var config = Path.Combine(folder, "weir.json");
        await File.WriteAllTextAsync(config, $$"""
            {
              "providers": { "up": { "dialect": "openai", "base_url": "{{upstream}}v1", "limits": { "max_concurrency": 4096, "queue": 4096 }, "connections": { "max": 4096 } } },
              "routes": { "bench": { "deployments": [ { "provider": "up", "model": "bench-model" } ] } }{{settings}}
            }
            """);
        var data = Path.Combine(folder, "data");
        var server = await GatewayProcess.StartAsync(url, "dotnet", WeirDll(), "up", "--config", config, "--url", $"http://127.0.0.1:{url.Port}", "--data", data);
        using var client = new HttpClient { BaseAddress = url };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(Path.Combine(data, "admin.key"))).Trim());
        using var created = await client.PostAsJsonAsync("/v1/keys", new { name = "bench", roles = new[] { "app" } });
        created.EnsureSuccessStatusCode();
        return (server, (string)(await created.Content.ReadFromJsonAsync<JsonObject>())!["key"]!);
    }

    public static string WeirDll()
    {
        if (Environment.GetEnvironmentVariable("WEIR_DLL") is { Length: > 0 } named)
            return named;
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var dll = Path.Combine(own.Parent!.Parent!.FullName, "Weir.Cli", own.Name, "weir.dll");
        return File.Exists(dll) ? dll : throw new InvalidOperationException($"{dll} is not built: dotnet build src/Weir.Cli -c Release, or name one in WEIR_DLL.");
    }

    private static async Task<GatewayProcess> NginxAsync(string folder, string name, string location, string upstream = "")
    {
        var url = new Uri($"http://127.0.0.1:{GatewayProcess.FreePort()}");
        var own = Directory.CreateDirectory(Path.Combine(folder, name)).FullName;
        var config = Path.Combine(own, "nginx.conf");
        await File.WriteAllTextAsync(config, $$"""
            daemon off; worker_processes auto; pid {{own}}/nginx.pid; error_log stderr error;
            {{(Environment.IsPrivilegedProcess ? "user root;" : "")}}
            events { worker_connections 16384; }
            http {
              access_log off; tcp_nodelay on; keepalive_requests 1000000000; keepalive_timeout 1h;
              client_max_body_size 64m; client_body_buffer_size 2m;
              client_body_temp_path {{own}}/body; proxy_temp_path {{own}}/proxy; fastcgi_temp_path {{own}}/f; uwsgi_temp_path {{own}}/u; scgi_temp_path {{own}}/s;
            {{upstream}}
              server {
                listen 127.0.0.1:{{url.Port}} backlog=4096;
            {{location}}
              }
            }
            """);
        return await GatewayProcess.StartAsync(url, Nginx(), "-p", own, "-e", "stderr", "-c", config);
    }

    /// <summary>Debian keeps it where only root's path leads.</summary>
    private static string Nginx() => File.Exists("/usr/sbin/nginx") ? "/usr/sbin/nginx" : "nginx";
}
