using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Weir.Client.Wire;

/// <summary>Sends requests, again where that may help, and reads answers.</summary>
internal sealed class WeirConnection(HttpClient http, Uri root, WeirClientOptions options)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(500);

    public Uri Root => root;

    /// <param name="method">Every operation may be sent twice without harm.</param>
    /// <param name="path">Below the root, escaped.</param>
    /// <param name="body">Made for each attempt. Null: none.</param>
    /// <param name="answer">The shape of the answer.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <param name="headers">Beside those of every request. Null: none.</param>
    /// <param name="timeout">Of one attempt that may take longer than others. Null: the options say.</param>
    public Task<T> SendAsync<T>(
        HttpMethod method, string path, Func<HttpContent>? body, JsonTypeInfo<T> answer, CancellationToken cancellationToken,
        IReadOnlyList<(string Name, string Value)>? headers = null, TimeSpan? timeout = null) =>
        AskAsync(method, path, body, "application/json", (response, stop) => ReadAsync(response, answer, stop), cancellationToken, headers, timeout);

    /// <summary>Asks for what is not JSON, such as a picture.</summary>
    /// <param name="path">Below the root, escaped.</param>
    /// <param name="body">Null: it is asked for with GET.</param>
    /// <param name="accept">Its type.</param>
    /// <param name="most">A longer answer is none of Weir's.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task<byte[]> SendForBytesAsync(string path, Func<HttpContent>? body, string accept, int most, CancellationToken cancellationToken) =>
        AskAsync(body is null ? HttpMethod.Get : HttpMethod.Post, path, body, accept, (response, stop) => ReadBytesAsync(response, accept, most, stop), cancellationToken);

    private async Task<T> AskAsync<T>(
        HttpMethod method, string path, Func<HttpContent>? body, string accept, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken cancellationToken,
        IReadOnlyList<(string Name, string Value)>? headers = null, TimeSpan? timeout = null)
    {
        var within = timeout is { } longer && options.Timeout != Timeout.InfiniteTimeSpan && longer > options.Timeout ? longer : options.Timeout;
        for (var attempt = 0; ; attempt++)
        {
            using var late = new CancellationTokenSource(within, options.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
            WeirException failure;
            try
            {
                using var response = await SendOnceAsync(method, path, body, either.Token, accept, headers).ConfigureAwait(false);
                if (response.IsSuccessStatusCode)
                    return await read(response, either.Token).ConfigureAwait(false);
                failure = await WeirErrors.ReadAsync(response, options.Time, either.Token).ConfigureAwait(false);
                if (!MayRetry(response))
                    throw failure;
            }
            catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                // The server may still be at it: asking again would make it more.
                throw new WeirException($"Weir at {root} did not answer within {within}.") { Code = "timeout" };
            }
            catch (Exception exception) when (exception is HttpRequestException or IOException)
            {
                failure = Unreachable(exception);
            }

            if (attempt >= options.MaxRetries || failure.RetryAfter > options.MaxRetryWait)
                throw failure;
            await Task.Delay(failure.RetryAfter ?? Backoff(attempt), options.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Sends once, since the body can be read only once; the answer may come in parts, for as long as it takes.</summary>
    public async Task<HttpResponseMessage> StreamAsync(HttpMethod method, string path, HttpContent body, string accept, CancellationToken cancellationToken)
    {
        HttpResponseMessage? response = null;
        try
        {
            response = await SendOnceAsync(method, path, () => body, cancellationToken, accept).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
                throw await WeirErrors.ReadAsync(response, options.Time, cancellationToken).ConfigureAwait(false);
            return response;
        }
        catch (Exception exception)
        {
            response?.Dispose();
            // What the caller's own documents threw comes back as it is.
            if (exception is HttpRequestException { InnerException: not WeirContentException } or IOException)
                throw Unreachable(exception);
            if (exception is HttpRequestException { InnerException: WeirContentException { InnerException: { } own } })
                throw own;
            throw;
        }
    }

    public static async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> answer, CancellationToken cancellationToken)
    {
        // A deletion's answer is empty.
        if (response.StatusCode is HttpStatusCode.NoContent)
            return default!;
        var stream = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using (stream.ConfigureAwait(false))
        {
            try
            {
                return await JsonSerializer.DeserializeAsync(stream, answer, cancellationToken).ConfigureAwait(false) ?? throw new JsonException("It is null.");
            }
            catch (JsonException exception)
            {
                throw new WeirException($"The answer is not what Weir would say: {exception.Message}", exception) { Status = response.StatusCode, Code = "invalid_answer" };
            }
        }
    }

    private static async Task<byte[]> ReadBytesAsync(HttpResponseMessage response, string type, int most, CancellationToken cancellationToken)
    {
        if (response.Content.Headers.ContentType?.MediaType is { } given && given != type)
            throw new WeirException($"The answer is {given} where {type} was asked for.") { Status = response.StatusCode, Code = "invalid_answer" };
        await response.Content.LoadIntoBufferAsync(most, cancellationToken).ConfigureAwait(false);
        return await response.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task<HttpResponseMessage> SendOnceAsync(
        HttpMethod method, string path, Func<HttpContent>? body, CancellationToken cancellationToken, string accept = "application/json",
        IReadOnlyList<(string Name, string Value)>? headers = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(root, path));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue(accept));
        if (options.ApiKey is { Length: > 0 } key)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        foreach (var (name, value) in headers ?? [])
            request.Headers.TryAddWithoutValidation(name, value);
        request.Content = body?.Invoke();
        return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken).ConfigureAwait(false);
    }

    private WeirException Unreachable(Exception exception) => new($"Weir at {root} cannot be reached: {exception.Message}", exception) { Code = "unreachable" };

    private static bool MayRetry(HttpResponseMessage response) =>
        response.Headers.TryGetValues("x-should-retry", out var said) && bool.TryParse(said.FirstOrDefault(), out var should)
            ? should
            : response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable;

    /// <summary>Doubles, between half and the whole of it at random, so that many clients do not come back at once.</summary>
    private TimeSpan Backoff(int attempt)
    {
        var wait = FirstWait * Math.Pow(2, Math.Min(attempt, 10)) * (RandomNumberGenerator.GetInt32(500, 1001) / 1000.0);
        return wait < options.MaxRetryWait ? wait : options.MaxRetryWait;
    }
}
