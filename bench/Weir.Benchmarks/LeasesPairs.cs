using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Weir.Benchmarks;

/// <summary>Allocate and release, allocate and release, over keep-alive connections: what one run of wrk saw.</summary>
/// <param name="Pairs">Leases that were given and given back.</param>
/// <param name="Seconds">In how long.</param>
/// <param name="P50">Of one request of either sort, in milliseconds.</param>
/// <param name="P99">The same.</param>
internal sealed record LeasesPairs(long Pairs, double Seconds, double P50, double P99)
{
    public double Rate => Pairs / Seconds;

    /// <param name="server">Where.</param>
    /// <param name="key">Null: it asks for none.</param>
    /// <param name="folder">Where the script is written.</param>
    /// <param name="seconds">For how long.</param>
    /// <exception cref="InvalidOperationException">Anything but a lease or a release was answered.</exception>
    public static async Task<LeasesPairs> RunAsync(GatewayProcess server, string? key, string folder, double seconds)
    {
        var script = Path.Combine(folder, "pairs.lua");
        await File.WriteAllTextAsync(script, $$"""
            wrk.headers["Content-Type"] = "application/json"
            {{(key is null ? "" : $"wrk.headers[\"Authorization\"] = \"Bearer {key}\"")}}
            local body = '{"worker_id":"bench","ttl":"5m","resources":[{"kind":"{{LeasesServer.Rag}}"},{"kind":"{{LeasesServer.Remote}}"}]}'
            made, released, bad, last = 0, 0, 0, ""
            local held, first, next = {}, 1, 1
            request = function()
              if first < next then
                local path = held[first]
                held[first] = nil
                first = first + 1
                return wrk.format("DELETE", path)
              end
              return wrk.format("POST", "/v1/leases", nil, body)
            end
            response = function(status, headers, answer)
              if status == 201 then
                made = made + 1
                held[next] = "/v1/leases/" .. string.match(answer, '"id":"([^"]+)"') .. "?fence=" .. string.match(answer, '"fence":(%d+)')
                next = next + 1
              elseif status == 204 then released = released + 1
              else bad = bad + 1; last = status .. " " .. answer
              end
            end
            local threads = {}
            setup = function(thread) table.insert(threads, thread) end
            done = function(summary, latency, requests)
              local e, t = summary.errors, threads[1]
              if t:get("bad") > 0 then io.write(t:get("last") .. "\n") end
              io.write(string.format('\nresult {"made":%d,"released":%d,"bad":%d,"us":%d,"p50":%d,"p99":%d}\n',
                t:get("made"), t:get("released"), t:get("bad") + e.connect + e.read + e.write + e.timeout, summary.duration, latency:percentile(50), latency:percentile(99)))
            end
            """);
        var start = new ProcessStartInfo("wrk", ["-t1", "-c64", string.Create(CultureInfo.InvariantCulture, $"-d{Math.Max(1, Math.Round(seconds))}s"), "-s", script, server.Url.ToString()])
        {
            RedirectStandardOutput = true,
        };
        using var wrk = Process.Start(start) ?? throw new InvalidOperationException("wrk did not start: apt-get install wrk.");
        var output = await wrk.StandardOutput.ReadToEndAsync();
        await wrk.WaitForExitAsync();
        var line = output.Split('\n').FirstOrDefault(line => line.StartsWith("result ", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"wrk gave no result against {server.Url}:\n{output}");
        using var result = JsonDocument.Parse(line["result ".Length..]);
        long Of(string name) => result.RootElement.GetProperty(name).GetInt64();
        if (Of("bad") > 0 || Of("released") == 0)
            throw new InvalidOperationException($"Not every request to {server.Url} was served:\n{output}");
        return new(Of("released"), Of("us") / 1e6, Of("p50") / 1e3, Of("p99") / 1e3);
    }
}
