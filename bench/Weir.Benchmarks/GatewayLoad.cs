using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Weir.Benchmarks;

/// <summary>What one run of wrk saw; latencies in microseconds.</summary>
internal sealed record GatewayLoad(long Requests, double Seconds, double P50, double P99)
{
    /// <summary>Posts chat requests over keep-alive connections for a time.</summary>
    /// <param name="server">Where they go.</param>
    /// <param name="key">Sent as a bearer.</param>
    /// <param name="folder">Where the script is written.</param>
    /// <param name="connections">Connections, each with one request at a time.</param>
    /// <param name="seconds">For how long.</param>
    /// <param name="bodyBytes">About the size of each body.</param>
    /// <exception cref="InvalidOperationException">Anything but 2xx came back, or a connection failed: such a run measures nothing.</exception>
    public static async Task<GatewayLoad> RunAsync(GatewayProcess server, string key, string folder, int connections, double seconds, int bodyBytes = 400)
    {
        var target = server.Url;
        var more = string.Concat((server.Headers ?? new Dictionary<string, string>()).Select(header => $"wrk.headers[\"{header.Key}\"] = \"{header.Value}\"\n"));
        var script = Path.Combine(folder, "post.lua");
        await File.WriteAllTextAsync(script, $$"""
            wrk.method = "POST"
            wrk.headers["Content-Type"] = "application/json"
            wrk.headers["Authorization"] = "Bearer {{key}}"
            {{more}}
            wrk.body = '{"model":"bench","messages":[{"role":"system","content":"You are terse."},{"role":"user","content":"' .. string.rep("weir ", {{(bodyBytes - 110) / 5}}) .. '"}],"temperature":0.7}'
            done = function(summary, latency, requests)
              local e = summary.errors
              io.write(string.format('\nresult {"requests":%d,"us":%d,"bad":%d,"socket":%d,"p50":%d,"p99":%d}\n',
                summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
            end
            """);
        var start = new ProcessStartInfo("wrk", ["-t1", $"-c{connections}", string.Create(CultureInfo.InvariantCulture, $"-d{Math.Max(1, Math.Round(seconds))}s"), "-s", script, new Uri(target, "/v1/chat/completions").ToString()])
        {
            RedirectStandardOutput = true,
        };
        using var wrk = Process.Start(start) ?? throw new InvalidOperationException("wrk did not start: apt-get install wrk.");
        var output = await wrk.StandardOutput.ReadToEndAsync();
        await wrk.WaitForExitAsync();
        var line = output.Split('\n').FirstOrDefault(line => line.StartsWith("result ", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"wrk gave no result against {target}:\n{output}");
        var result = JsonDocument.Parse(line["result ".Length..]).RootElement;
        if (result.GetProperty("bad").GetInt64() + result.GetProperty("socket").GetInt64() > 0 || result.GetProperty("requests").GetInt64() == 0)
            throw new InvalidOperationException($"Not every request to {target} was answered with 2xx: {line}");
        return new(result.GetProperty("requests").GetInt64(), result.GetProperty("us").GetInt64() / 1e6, result.GetProperty("p50").GetDouble(), result.GetProperty("p99").GetDouble());
    }
}
