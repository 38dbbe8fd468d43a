using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using Weir.Server;
using Weir.Server.Configuration;
using Weir.Server.Hosting;
using Weir.Server.Keys;

namespace Weir.Cli;

/// <summary>A running server, as the command line talks to it: with the admin key of its data folder.</summary>
internal sealed class ServerConnection : IDisposable
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http;

    private ServerConnection(Uri address, string? key)
    {
        Address = address;
        // Its own handler, without a proxy: an admin key goes to this server and nowhere else.
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false }) { BaseAddress = address, Timeout = Within };
        if (key is not null) _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
    }

    public Uri Address { get; }

    /// <exception cref="IOException">The admin key is there and cannot be read.</exception>
    public static ServerConnection To(WeirOptions options)
    {
        var address = new UriBuilder(options.Server.Url);
        // What listens everywhere is reached from here at loopback.
        if (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && (ip.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any)))
            address.Host = "127.0.0.1";
        var key = Environment.GetEnvironmentVariable(KeyBootstrap.Variable) is { Length: > 0 } given ? given : AdminKeyFile.Read(options.Server.Data);
        return new ServerConnection(address.Uri, key);
    }

    /// <returns>The answer; null when nothing listens there.</returns>
    /// <exception cref="ServerException">It answered with an error, or not at all.</exception>
    public async Task<T?> GetAsync<T>(string path, CancellationToken cancellation)
        where T : class => await SendAsync<T>(new HttpRequestMessage(HttpMethod.Get, path), cancellation);

    /// <inheritdoc cref="GetAsync{T}"/>
    public async Task<T?> PostAsync<T>(string path, object body, CancellationToken cancellation)
        where T : class =>
        await SendAsync<T>(new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body, body.GetType(), options: WireJson.Options) }, cancellation);

    /// <returns>Whether there was such a thing; null when nothing listens there.</returns>
    /// <exception cref="ServerException">It answered with another error, or not at all.</exception>
    public async Task<bool?> DeleteAsync(string path, CancellationToken cancellation)
    {
        using var answer = await TrySendAsync(new HttpRequestMessage(HttpMethod.Delete, path), cancellation);
        if (answer is null) return null;
        if (answer.StatusCode == HttpStatusCode.NotFound) return false;
        await ThrowOnErrorAsync(answer, cancellation);
        return true;
    }

    public void Dispose() => _http.Dispose();

    private async Task<T?> SendAsync<T>(HttpRequestMessage request, CancellationToken cancellation)
        where T : class
    {
        using var answer = await TrySendAsync(request, cancellation);
        if (answer is null) return null;
        await ThrowOnErrorAsync(answer, cancellation);
        try
        {
            return await answer.Content.ReadFromJsonAsync<T>(WireJson.Reading, cancellation)
                ?? throw new ServerException($"{Address} answered nothing.");
        }
        catch (JsonException)
        {
            throw new ServerException($"What answers at {Address} is not a Weir server.");
        }
    }

    private async Task<HttpResponseMessage?> TrySendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        using (request)
        {
            try
            {
                return await _http.SendAsync(request, cancellation);
            }
            catch (HttpRequestException fault) when (fault.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
            {
                return null;
            }
            catch (HttpRequestException fault)
            {
                throw new ServerException($"{Address} cannot be reached: {fault.Message}");
            }
            catch (TaskCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new ServerException($"{Address} did not answer within {Within.TotalSeconds:0} s.");
            }
        }
    }

    private async Task ThrowOnErrorAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        if (answer.IsSuccessStatusCode) return;

        var detail = "";
        try
        {
            using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(cancellation));
            if (body.RootElement.ValueKind == JsonValueKind.Object && body.RootElement.TryGetProperty("detail", out var text)) detail = " " + text.GetString();
        }
        catch (JsonException)
        {
            // Not Weir's shape: the status has to do.
        }

        throw new ServerException($"{Address} answered {(int)answer.StatusCode}.{detail}");
    }
}

/// <summary>The server did not do what was asked; the message is for the user.</summary>
internal sealed class ServerException(string message) : Exception(message);
