using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Weir.Inference.Providers;

namespace Weir.Inference.Attempts;

/// <summary>Names the culprit of an attempt that failed: from the status and the error body, or from what the connection did.</summary>
internal static class FailureClassifier
{
    private const int LongestExcerpt = 300;

    // What a header carries may be a key; what is shorter is a version or a flag.
    private const int ShortestSecret = 8;

    // A provider that wants to be left alone for longer has made a mistake, and is asked again by our own schedule.
    private static readonly TimeSpan LongestRetryAfter = TimeSpan.FromDays(1);

    /// <summary>For an answer whose status is not 2xx, or an error event that came first in a stream.</summary>
    /// <remarks>With <c>answered</c>, the status that it came with, <c>status</c> is only what the error stands for.</remarks>
    public static Failure Classify(
        ProviderModel provider, KeyState key, int status, ReadOnlyMemory<byte> body, HttpResponseHeaders? headers, string? contentType, TimeProvider time,
        int? answered = null)
    {
        var error = ProviderError.Parse(body.Span);
        var kind = ClassOf(status, error);
        var said = Excerpt(error.Message, provider, key);
        var message = kind switch
        {
            FailureClass.KeyRefused => $"Provider '{provider.Name}' refused its key ({status}): check the api_key of that provider.",
            FailureClass.DeploymentRefused => $"Provider '{provider.Name}' does not allow this with its key ({status}).",
            _ => $"Provider '{provider.Name}' answered {(answered is { } came ? $"{came} with an error" : $"{status}")}{(said is null ? "." : $": {said}")}",
        };
        var passOn = kind is FailureClass.Client or FailureClass.Absent;
        return new Failure(kind, message)
        {
            Status = status,
            RetryAfter = headers is null ? null : RetryAfter(headers, time),
            Body = passOn && IsJson(body.Span) && !Reveals(body.Span, provider, key) ? body : default,
            ContentType = passOn ? contentType : null,
        };
    }

    // What is none, such as a proxy's page, clients cannot read: they are told of it in their own shape.
    private static bool IsJson(ReadOnlySpan<byte> body)
    {
        if (!Utf8.IsValid(body) || body.TrimStart(" \t\r\n"u8) is not [(byte)'{' or (byte)'[', ..])
        {
            return false;
        }

        try
        {
            var reader = new Utf8JsonReader(body);
            while (reader.Read())
            {
            }

            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    // Some providers repeat what was sent to them.
    private static bool Reveals(ReadOnlySpan<byte> body, ProviderModel provider, KeyState key)
    {
        if (key.ApiKey is { Length: > 0 } secret && body.IndexOf(Encoding.UTF8.GetBytes(secret)) >= 0)
        {
            return true;
        }

        foreach (var (_, value) in provider.Headers)
        {
            if (value.Length >= ShortestSecret && body.IndexOf(Encoding.UTF8.GetBytes(value)) >= 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>What an error that a provider reports in its stream says, without secrets; null where it says nothing.</summary>
    public static string? Said(ProviderModel provider, KeyState key, ReadOnlySpan<byte> data) =>
        Excerpt(ProviderError.Parse(data).Message, provider, key);

    /// <summary>For an attempt that ended without an answer.</summary>
    public static Failure Classify(ProviderModel provider, Exception fault, AttemptClock clock)
    {
        if (fault is OperationCanceledException && !clock.Token.IsCancellationRequested)
        {
            // The only other thing that cancels is the connect timeout of the pool.
            return new Failure(FailureClass.Network, $"No connection to provider '{provider.Name}' within {provider.ConnectTimeout.TotalSeconds:0.###} s.");
        }

        if (clock.Token.IsCancellationRequested)
        {
            return clock.Cause switch
            {
                FailureClass.Cancelled => new Failure(FailureClass.Cancelled, "The client left."),
                FailureClass.Deadline => new Failure(FailureClass.Deadline, $"The deadline passed while provider '{provider.Name}' was working on it."),
                _ => new Failure(FailureClass.Timeout, $"Provider '{provider.Name}' did not answer within {clock.Elapsed.TotalSeconds:0.#} s."),
            };
        }

        return new Failure(FailureClass.Network, $"The connection to provider '{provider.Name}' failed: {Describe(fault)}.");
    }

    private static FailureClass ClassOf(int status, ProviderError error) => status switch
    {
        429 when error.Code is "insufficient_quota" || error.Type is "insufficient_quota" => FailureClass.KeyRefused,
        425 or 429 => FailureClass.RateLimited,
        401 or 402 => FailureClass.KeyRefused,
        400 when error.SaysKeyIsInvalid => FailureClass.KeyRefused,
        403 => FailureClass.DeploymentRefused,
        404 => FailureClass.Absent,
        408 or >= 500 => FailureClass.Unavailable,
        >= 400 => FailureClass.Client,
        // A redirect is a base_url that is wrong, not an answer.
        _ => FailureClass.Unavailable,
    };

    private static TimeSpan? RetryAfter(HttpResponseHeaders headers, TimeProvider time)
    {
        if (headers.TryGetValues("retry-after-ms", out var values)
            && double.TryParse(values.FirstOrDefault(), System.Globalization.CultureInfo.InvariantCulture, out var ms)
            && ms >= 0 && ms < LongestRetryAfter.TotalMilliseconds)
        {
            return TimeSpan.FromMilliseconds(ms);
        }

        var header = headers.RetryAfter;
        // A moment is one of the provider's clock, which may differ from ours by hours.
        var wait = header?.Delta ?? (header?.Date is { } date ? date - (headers.Date ?? time.GetUtcNow()) : null);
        // Where the provider does not say when to come back, it may say when its limits are full again.
        wait ??= RateHeaders.Read(headers, time.GetUtcNow()).WaitFor(1);
        return wait is { } span && span >= TimeSpan.Zero && span < LongestRetryAfter ? span : null;
    }

    private static string? Excerpt(string? said, ProviderModel provider, KeyState key)
    {
        if (string.IsNullOrWhiteSpace(said))
        {
            return null;
        }

        var text = key.ApiKey is { Length: > 0 } secret ? said.Replace(secret, "***", StringComparison.Ordinal) : said;
        foreach (var (_, value) in provider.Headers)
        {
            text = value.Length >= ShortestSecret ? text.Replace(value, "***", StringComparison.Ordinal) : text;
        }

        text = text.ReplaceLineEndings(" ");
        return text.Length <= LongestExcerpt ? text : string.Concat(text.AsSpan(0, LongestExcerpt), "…");
    }

    private static string Describe(Exception fault) => fault switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError } => "its name does not resolve",
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } => "it does not accept connections",
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => "TLS could not be agreed",
        HttpRequestException { HttpRequestError: HttpRequestError.ResponseEnded } => "it was closed before an answer",
        HttpRequestException { HttpRequestError: HttpRequestError.InvalidResponse or HttpRequestError.HttpProtocolError } => "what answers there does not speak HTTP as it should; check its base_url",
        HttpRequestException { HttpRequestError: var error and not HttpRequestError.Unknown } => error.ToString(),
        _ => "it was lost before an answer",
    };
}
