using Weir.Inference.Providers;

namespace Weir.Server.Configuration;

/// <summary>
/// The providers of a configuration that names none: those whose usual key variable is set, Ollama if it answers on its usual port,
/// and the simulated one if there is nothing else.
/// </summary>
public static class ProviderDiscovery
{
    /// <summary>The name of the simulated provider.</summary>
    public const string Simulated = "sim";

    /// <summary>How long Ollama may take to answer.</summary>
    public static readonly TimeSpan ProbeTimeout = TimeSpan.FromMilliseconds(300);

    private const string Ollama = "ollama";

    private static readonly Uri OllamaProbe = new("http://127.0.0.1:11434/api/version");

    /// <summary>Finds them; never fails for a provider that cannot be reached.</summary>
    /// <param name="environment">Read for keys, which go nowhere but into the options.</param>
    /// <param name="simulated">Makes the simulated provider where nothing else is found. Null: then there is none.</param>
    /// <param name="http">Asks Ollama.</param>
    /// <param name="time">Bounds the asking.</param>
    /// <param name="cancellation">Ends the search with <see cref="OperationCanceledException"/>.</param>
    public static async Task<IReadOnlyDictionary<string, ProviderOptions>> FindAsync(
        IReadOnlyDictionary<string, string> environment,
        Func<CancellationToken, ValueTask<ProviderOptions>>? simulated,
        HttpMessageInvoker http,
        TimeProvider time,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(http);
        var found = new Dictionary<string, ProviderOptions>(StringComparer.Ordinal);
        foreach (var name in ProviderPresets.Names)
        {
            if (ProviderPresets.Find(name)?.KeyVariable is { } variable && environment.GetValueOrDefault(variable)?.Trim() is { Length: > 0 } key)
            {
                found[name] = new ProviderOptions { Preset = name, ApiKey = key };
            }
        }

        if (await AnswersAsync(OllamaProbe, http, time, cancellation))
        {
            found[Ollama] = new ProviderOptions { Preset = Ollama };
        }

        if (found.Count == 0 && simulated is not null)
        {
            found[Simulated] = await simulated(cancellation);
        }

        return found;
    }

    private static async Task<bool> AnswersAsync(Uri address, HttpMessageInvoker http, TimeProvider time, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(ProbeTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            using var response = await http.SendAsync(request, either.Token);
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
