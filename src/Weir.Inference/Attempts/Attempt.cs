using System.Text.Json;
using System.Text.Unicode;
using Weir.Inference.Dialects;
using Weir.Inference.Providers;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Attempts;

/// <summary>
/// One send to one deployment: it ends in an answer that has begun well, or in a failure of a class. Nothing has gone to the
/// client by then, so that whoever asked may still go elsewhere.
/// </summary>
internal static class Attempt
{
    // Answers up to this size are read whole before the client sees anything of them, so that one that breaks off is not the client's loss.
    private const int LargestHeld = 128 * 1024;
    // What is translated is read whole.
    private const int LargestTranslated = 32 * 1024 * 1024;
    private const int LargestErrorBody = 64 * 1024;
    private static readonly TimeSpan ErrorBodyTimeout = TimeSpan.FromSeconds(5);
    private const int LargestFirstEvent = 64 * 1024;

    public static async ValueTask<AttemptOutcome> SendAsync(
        DeploymentModel deployment, InferenceRequest request, AttemptClock clock, TimeProvider time, TranslatedRequest? translated = null)
    {
        var provider = deployment.Provider;
        UpstreamAnswer? answer = null;
        try
        {
            using var message = UpstreamRequest.Create(deployment, request, translated, clock.Token);
            if (request.Head.Stream)
            {
                clock.Arm(provider.FirstByteTimeout);
            }
            else
            {
                clock.SetTotal(provider.TotalTimeout);
                clock.Arm(provider.FirstByteIsExplicit ? provider.FirstByteTimeout : Timeout.InfiniteTimeSpan);
            }

            var response = await deployment.State.Provider.Pool.SendAsync(message, clock.Token).ConfigureAwait(false);
            answer = new UpstreamAnswer(response);
            if (response.IsSuccessStatusCode)
            {
                deployment.State.Believe(response.Headers, request.Head.EstimatedInput);
            }

            var failure = !response.IsSuccessStatusCode ? await ReadErrorAsync(deployment, answer, clock, time).ConfigureAwait(false)
                : answer is { IsStream: true, IsPacked: false } ? await ReadFirstEventAsync(deployment, answer, clock, time).ConfigureAwait(false)
                : await ReadBodyAsync(deployment, answer, clock, translated is null ? LargestHeld : LargestTranslated).ConfigureAwait(false);
            failure ??= request.Stored is null ? Impostor(deployment, translated?.Operation ?? request.Operation, request.Head.Stream, answer, time) : null;
            failure ??= translated is null ? null : Untranslatable(deployment, answer, translated, time);
            if (failure is not null)
            {
                answer.Dispose();
                return new AttemptOutcome(failure);
            }

            clock.Disarm();
            clock.IsSent = message.Content is null or SplicedContent { IsSent: true };
            // The bound may have run out just after the first bytes came: a token that is cancelled would end the relay at once.
            clock.Token.ThrowIfCancellationRequested();
            answer.FirstEvent = clock.Elapsed;
            return new AttemptOutcome(answer);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            // Whatever came first, nothing of it has gone to the client.
            var begun = answer is { IsStream: false, Head.Length: > 0 };
            answer?.Dispose();
            var failure = FailureClassifier.Classify(provider, fault, clock);
            return new AttemptOutcome(begun && failure.Class == FailureClass.Network ? Broken(provider) : failure);
        }
        catch
        {
            answer?.Dispose();
            throw;
        }
    }

    private static async ValueTask<Failure> ReadErrorAsync(DeploymentModel deployment, UpstreamAnswer answer, AttemptClock clock, TimeProvider time)
    {
        clock.Arm(ErrorBodyTimeout);
        try
        {
            while (await answer.ReadMoreAsync(LargestErrorBody, clock.Token).ConfigureAwait(false))
            {
            }
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException
            || (fault is OperationCanceledException && clock.Cause == FailureClass.Timeout))
        {
            // The status has come: it decides, whatever becomes of what was to explain it.
        }

        // What is packed cannot be read here, and a piece of JSON not by the client.
        var body = answer.IsPacked || !answer.IsWhole ? default : answer.Head.ToArray();
        return FailureClassifier.Classify(
            deployment.Provider, deployment.State.Key, answer.Status, body, answer.Headers, PassedHeaders.ContentType(answer), time)
            with { UpstreamId = UpstreamId.Of(answer.Headers) };
    }

    private static async ValueTask<Failure?> ReadFirstEventAsync(DeploymentModel deployment, UpstreamAnswer answer, AttemptClock clock, TimeProvider time)
    {
        var start = -1;
        while (true)
        {
            if (!await answer.ReadMoreAsync(LargestFirstEvent, clock.Token).ConfigureAwait(false))
            {
                return start >= 0 || !answer.IsWhole ? null
                    : new Failure(FailureClass.Unavailable, $"Provider '{deployment.Provider.Name}' ended its stream before the first event.");
            }

            if (start < 0 && (start = FirstEvent.Find(answer.Head.Span)) > 0)
            {
                answer.Skip(start);
                start = 0;
            }

            if (start == 0 && FirstEvent.Length(answer.Head.Span) is var length and > 0)
            {
                return FirstEvent.IsError(answer.Head.Span[..length]) ? Refused(deployment, FirstEvent.Data(answer.Head.Span).ToArray(), answer, time) : null;
            }
        }
    }

    // Some gateways answer 200 and put what went wrong into the stream.
    private static Failure Refused(DeploymentModel deployment, byte[] data, UpstreamAnswer answer, TimeProvider time)
    {
        var status = ProviderError.Parse(data).StatusInCode is var named and > 0 ? named : 502;
        return FailureClassifier.Classify(deployment.Provider, deployment.State.Key, status, data, answer.Headers, "application/json", time, answer.Status);
    }

    private static async ValueTask<Failure?> ReadBodyAsync(DeploymentModel deployment, UpstreamAnswer answer, AttemptClock clock, int most)
    {
        var provider = deployment.Provider;
        // Also where a stream was asked for: what comes is none, and must not trickle for ever.
        clock.SetTotal(provider.TotalTimeout);
        do
        {
            clock.Arm(answer.Head.IsEmpty && provider.FirstByteIsExplicit ? provider.FirstByteTimeout : provider.IdleTimeout);
        }
        while (await answer.ReadMoreAsync(most, clock.Token).ConfigureAwait(false));

        return answer.IsWhole && answer.ContentLength is { } announced && announced != answer.Head.Length ? Broken(provider) : null;
    }

    // A success that is none: a login page, an empty body, an error with status 200, or one body where a stream was asked for. Passed on,
    // it would end a client's stream in silence that looks like success.
    private static Failure? Impostor(DeploymentModel deployment, Operation asked, bool stream, UpstreamAnswer answer, TimeProvider time)
    {
        if (answer.IsPacked)
        {
            return null;
        }

        var head = answer.Head.Span;
        if (!answer.IsStream && FirstEvent.IsErrorData(head))
        {
            return Refused(deployment, answer.IsWhole ? head.ToArray() : [], answer, time);
        }

        var wantsStream = stream && asked.StreamEnd != StreamEnd.None;
        var isJson = head.TrimStart(" \t\r\n"u8) is [(byte)'{', ..] && (!answer.IsWhole || head.TrimEnd(" \t\r\n"u8) is [.., (byte)'}']);
        var mayHoldBody = answer.Status is not (204 or 205);
        return mayHoldBody && answer.IsStream == wantsStream && (answer.IsStream || isJson) ? null
            : new Failure(
                FailureClass.Broken,
                $"Provider '{deployment.Provider.Name}' answered {answer.Status} with {(head.IsEmpty ? "no body" : answer.IsStream ? "a stream" : isJson ? "one body" : "a body that is no JSON object")} "
                + $"where {(wantsStream ? "a stream" : "a JSON object")} was asked for: check its base_url.");
    }

    // Translated before anything goes out, so that what cannot be understood is a failure like any other.
    private static Failure? Untranslatable(DeploymentModel deployment, UpstreamAnswer answer, TranslatedRequest translated, TimeProvider time)
    {
        var provider = deployment.Provider;
        if (answer.IsPacked)
        {
            return new Failure(FailureClass.Broken, $"Provider '{provider.Name}' packed its answer ({answer.Packing}), which it was asked not to, so that it cannot be translated.");
        }

        if (answer.IsStream)
        {
            return null;
        }

        if (!answer.IsWhole)
        {
            return new Failure(FailureClass.Broken, $"The answer of provider '{provider.Name}' is larger than {LargestTranslated / (1024 * 1024)} MB, the most that is translated.");
        }

        var output = answer.Translated = new PooledWriter(null, LargestTranslated * 4L);
        try
        {
            if (!Utf8.IsValid(answer.Head.Span))
            {
                throw new InvalidDataException("The answer is not UTF-8.");
            }

            translated.BeginAnswer(time.GetUtcNow()).Body(answer.Head, output);
            return null;
        }
        catch (Exception fault) when (fault is JsonException or InvalidDataException or InvalidOperationException or FormatException or KeyNotFoundException or BodyBoundException)
        {
            return new Failure(FailureClass.Broken, $"Provider '{provider.Name}' answered with a body that is not what its dialect promises: check its base_url and dialect.");
        }
    }

    private static Failure Broken(ProviderModel provider) =>
        new(FailureClass.Broken, $"The answer of provider '{provider.Name}' broke off.");
}

/// <summary>Either an answer to relay or a failure.</summary>
internal readonly struct AttemptOutcome
{
    public AttemptOutcome(UpstreamAnswer answer) => Answer = answer;

    public AttemptOutcome(Failure failure) => Failure = failure;

    public UpstreamAnswer? Answer { get; }

    public Failure? Failure { get; }
}
