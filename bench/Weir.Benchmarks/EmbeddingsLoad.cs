using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Weir.Benchmarks;

/// <summary>Posts embeddings requests over keep-alive connections, each of the bodies in turn.</summary>
internal static class EmbeddingsLoad
{
    /// <exception cref="InvalidOperationException">Anything but 2xx came back, or a connection failed: such a run measures nothing.</exception>
    public static async Task<(long Requests, double Seconds)> RunAsync(GatewayProcess server, string key, string folder, string[] bodies, int connections, double seconds)
    {
        var script = Path.Combine(folder, "embeddings.lua");
        var list = string.Join(",\n", bodies.Select(body => $"[==[{body}]==]"));
        await File.WriteAllTextAsync(script, $$"""
            local bodies = { {{list}} }
            local requests, at = {}, 0
            init = function()
              for i, body in ipairs(bodies) do
                requests[i] = wrk.format("POST", nil, { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer {{key}}" }, body)
              end
            end
            request = function() at = at % #requests + 1; return requests[at] end
            done = function(summary)
              local e = summary.errors
              io.write(string.format('\nresult {"requests":%d,"us":%d,"bad":%d}\n', summary.requests, summary.duration, e.status + e.connect + e.read + e.write + e.timeout))
            end
            """);
        var start = new ProcessStartInfo(
            "wrk", ["-t1", $"-c{connections}", string.Create(CultureInfo.InvariantCulture, $"-d{Math.Max(1, Math.Round(seconds))}s"), "-s", script, new Uri(server.Url, "/v1/embeddings").ToString()])
        {
            RedirectStandardOutput = true,
        };
        using var wrk = Process.Start(start) ?? throw new InvalidOperationException("wrk did not start: apt-get install wrk.");
        var output = await wrk.StandardOutput.ReadToEndAsync();
        await wrk.WaitForExitAsync();
        var line = output.Split('\n').FirstOrDefault(line => line.StartsWith("result ", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"wrk gave no result against {server}:\n{output}");
        var result = JsonDocument.Parse(line["result ".Length..]).RootElement;
        if (result.GetProperty("bad").GetInt64() > 0 || result.GetProperty("requests").GetInt64() == 0)
            throw new InvalidOperationException($"Not every request was answered with 2xx: {line}\n{server}");
        return (result.GetProperty("requests").GetInt64(), result.GetProperty("us").GetInt64() / 1e6);
    }
}
