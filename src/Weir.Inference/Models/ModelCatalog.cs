using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Weir.Flow.Coalescing;
using Weir.Inference.Attempts;
using Weir.Inference.Providers;
using Weir.Inference.Routing;

namespace Weir.Inference.Models;

/// <summary>What the providers themselves say they have, kept for ten minutes; a list that cannot be had is asked for again after half a minute.</summary>
internal sealed partial class ModelCatalog(RouteTables tables, TimeProvider time, ILogger<ModelCatalog> logger)
{
    private const int LargestList = 4 * 1024 * 1024;
    private const int MostModels = 10_000;
    private static readonly TimeSpan Kept = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan KeptAfterFailure = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, Listing> _listings = new(StringComparer.Ordinal);
    private readonly SingleFlight<string, Listing> _asking = new();

    /// <summary>The models of one provider; empty while it does not tell.</summary>
    public async ValueTask<IReadOnlyList<string>> ListAsync(ProviderModel provider, CancellationToken cancellationToken)
    {
        if (_listings.TryGetValue(provider.Name, out var known) && known.BaseUrl == provider.BaseUrl && time.GetElapsedTime(known.At) < known.For)
        {
            return known.Models;
        }

        var fresh = await _asking.RunAsync(provider.Name, stop => AskAsync(provider, known, stop), cancellationToken).ConfigureAwait(false);
        _listings[provider.Name] = fresh;
        return fresh.Models;
    }

    /// <summary>The providers that say they have a model, of all that are configured.</summary>
    public async ValueTask<IReadOnlyList<ProviderModel>> ProvidersOfAsync(string model, CancellationToken cancellationToken)
    {
        var providers = tables.Current.Providers.Values.ToList();
        var lists = await Task.WhenAll(providers.Select(provider => ListAsync(provider, cancellationToken).AsTask())).ConfigureAwait(false);
        return [.. providers.Where((_, i) => lists[i].Contains(model, StringComparer.Ordinal))];
    }

    /// <summary>What is known without asking anybody.</summary>
    public IEnumerable<(string Provider, string Model)> Known =>
        _listings.SelectMany(entry => entry.Value.Models.Select(model => (entry.Key, model)));

    private async Task<Listing> AskAsync(ProviderModel provider, Listing? known, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        try
        {
            using var message = Request(provider);
            using var response = await tables.Current.States[provider.Name].Pool.SendAsync(message, stop.Token).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
            {
                LogNoList(provider.Name, $"it answered {(int)response.StatusCode}");
                return Failed(provider, known);
            }

            await response.Content.LoadIntoBufferAsync(LargestList, stop.Token).ConfigureAwait(false);
            var body = await response.Content.ReadAsStreamAsync(stop.Token).ConfigureAwait(false);
            using var document = await JsonDocument.ParseAsync(body, default, stop.Token).ConfigureAwait(false);
            return new Listing(provider.BaseUrl, Read(document.RootElement), time.GetTimestamp(), Kept);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or JsonException or KeyNotFoundException or InvalidOperationException
            || (fault is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogNoList(provider.Name, fault is OperationCanceledException ? "it took too long" : fault.Message);
            return Failed(provider, known);
        }
    }

    private static HttpRequestMessage Request(ProviderModel provider)
    {
        // Anthropic gives its list in pages, of a thousand at the most: more models than one provider has.
        var isAnthropic = provider.Dialect == Dialect.Anthropic;
        var message = new HttpRequestMessage(HttpMethod.Get, $"{provider.BaseUrl}/models{(isAnthropic ? "?limit=1000" : "")}");
        if (isAnthropic)
        {
            message.Headers.TryAddWithoutValidation("anthropic-version", UpstreamRequest.AnthropicVersion);
        }

        if (provider.Keys[0] is { Length: > 0 } key)
        {
            message.Headers.TryAddWithoutValidation(isAnthropic ? "x-api-key" : "authorization", isAnthropic ? key : "Bearer " + key);
        }

        foreach (var (name, value) in provider.Headers)
        {
            message.Headers.Remove(name);
            message.Headers.TryAddWithoutValidation(name, value);
        }

        return message;
    }

    // An older list is better than none.
    private Listing Failed(ProviderModel provider, Listing? known) =>
        new(provider.BaseUrl, known?.BaseUrl == provider.BaseUrl ? known.Models : [], time.GetTimestamp(), KeptAfterFailure);

    private static List<string> Read(JsonElement root)
    {
        var models = new List<string>();
        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Array)
        {
            foreach (var entry in data.EnumerateArray().Take(MostModels))
            {
                if (entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty("id", out var id) && id.ValueKind == JsonValueKind.String
                    && id.GetString() is { Length: > 0 } name)
                {
                    models.Add(name);
                }
            }
        }

        return models;
    }

    [LoggerMessage(EventId = 201, EventName = "ProviderModelsUnknown", Level = LogLevel.Warning, Message = "Provider {Provider} does not list its models: {Reason}")]
    private partial void LogNoList(string provider, string reason);

    private sealed record Listing(string BaseUrl, IReadOnlyList<string> Models, long At, TimeSpan For);
}
