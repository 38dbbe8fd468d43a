using Weir.Inference.Providers;
using Weir.Server.Configuration;
using Weir.State;

namespace Weir.Cli.Running;

/// <summary>What <c>weir up</c> says when it is ready: what it serves, where, with which state, and a few lines to try.</summary>
internal static class Banner
{
    private static readonly Dictionary<string, string> SmallModels = new(StringComparer.OrdinalIgnoreCase)
    {
        ["openai"] = "gpt-4o-mini",
        ["anthropic"] = "claude-haiku-4-5",
        ["groq"] = "llama-3.1-8b-instant",
        ["deepseek"] = "deepseek-chat",
        ["gemini"] = "gemini-2.0-flash",
        ["xai"] = "grok-3-mini",
        ["openrouter"] = "openai/gpt-4o-mini",
    };

    public static void Print(TextWriter output, string url, LoadedConfiguration configuration, StoreHealth state, bool needsKey)
    {
        var options = configuration.Options;
        output.WriteLine($"weir is up at {url}");
        output.WriteLine($"  configuration  {configuration.File ?? "none; defaults and the environment"}");
        output.WriteLine($"  providers      {Names(options.Providers.Keys, "none: name some in weir.json, or set OPENAI_API_KEY")}{Simulated(options)}");
        output.WriteLine($"  routes         {Names(options.Routes.Keys, "none; models are named provider/model")}");
        output.WriteLine($"  embeddings     {Names(options.Embeddings.ModelsWithDefault().Keys, "none")}");
        if (options.Collections.Count > 0) output.WriteLine($"  collections    {Names(options.Collections.Keys, "none")}");
        if (options.Catalogs.Count > 0) output.WriteLine($"  catalogs       {Names(options.Catalogs.Keys, "none")}");
        if (options.Kinds.Count > 0) output.WriteLine($"  kinds          {Names(options.Kinds.Keys, "none")}");
        output.WriteLine($"  state          {Describe(state, options)}");
        foreach (var warning in state.Warnings) output.WriteLine($"  warning        {warning}");

        output.WriteLine("try");
        var bearer = needsKey ? " -H \"authorization: Bearer $WEIR_KEY\"" : "";
        if (needsKey) output.WriteLine("  export WEIR_KEY=…                      # 'weir keys create' prints one");
        if (ModelToTry(options) is { } model)
        {
            output.WriteLine($$"""  curl {{url}}/v1/chat/completions{{bearer}} -H 'content-type: application/json' -d '{"model":"{{model}}","messages":[{"role":"user","content":"Hello"}]}'""");
            output.WriteLine($$"""  curl -N {{url}}/v1/chat/completions{{bearer}} -H 'content-type: application/json' -d '{"model":"{{model}}","stream":true,"messages":[{"role":"user","content":"Hello"}]}'""");
        }

        output.WriteLine($"  curl {url}/v1/models{bearer}");
        if (options.Collections.Keys.Order(StringComparer.Ordinal).FirstOrDefault() is { } collection)
            output.WriteLine($$"""  curl {{url}}/v1/collections/{{collection}}/search{{bearer}} -H 'content-type: application/json' -d '{"query":"what is it about?","top_k":3}'""");
        if (options.Kinds.Keys.Order(StringComparer.Ordinal).FirstOrDefault() is { } kind)
            output.WriteLine($$"""  curl {{url}}/v1/leases{{bearer}} -H 'content-type: application/json' -d '{"worker_id":"w1","resources":[{"kind":"{{kind}}"}],"ttl":"1m"}'""");
        output.Flush();
    }

    /// <summary>A name that a request can use at once. Null where none can be told without asking a provider.</summary>
    internal static string? ModelToTry(WeirOptions options)
    {
        if (options.Routes.Keys.Order(StringComparer.Ordinal).FirstOrDefault() is { } route) return route;

        foreach (var (name, provider) in options.Providers.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            if (provider.Preset is { } preset && SmallModels.TryGetValue(preset, out var small)) return $"{name}/{small}";
            if (name == ProviderDiscovery.Simulated && provider.Preset is null) return $"{name}/sim-small";
        }

        return null;
    }

    private static string Names(IEnumerable<string> names, string none)
    {
        var sorted = names.Order(StringComparer.Ordinal).ToList();
        return sorted.Count switch
        {
            0 => none,
            <= 12 => string.Join(", ", sorted),
            _ => string.Join(", ", sorted.Take(12)) + $" and {sorted.Count - 12} more",
        };
    }

    private static string Simulated(WeirOptions options) =>
        options.Providers.TryGetValue(ProviderDiscovery.Simulated, out ProviderOptions? sim) && sim.Preset is null ? " (sim is simulated: its answers say so)" : "";

    private static string Describe(StoreHealth state, WeirOptions options) => state.Kind switch
    {
        "sqlite" => $"sqlite in {Path.GetFullPath(options.Server.Data)}",
        // Never the address as it was written: it may hold a password.
        "redis" => Uri.TryCreate(options.State, UriKind.Absolute, out var uri) ? $"redis at {uri.Host}:{(uri.Port > 0 ? uri.Port : 6379)}" : "redis",
        var kind => kind,
    };
}
