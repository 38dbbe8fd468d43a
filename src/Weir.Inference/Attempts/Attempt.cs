using System.Diagnostics;
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
    private const int LargestErrorBody = 64 * 1024;
    private const int LargestFirstEvent = 64 * 1024;

    public static async ValueTask<AttemptOutcome> SendAsync(
        DeploymentModel deployment, InferenceRequest request, AttemptClock clock, TimeProvider time)
    {
        var provider = deployment.Provider;
        UpstreamAnswer? answer = null;
        try
        {
            using var message = UpstreamRequest.Create(deployment, request);
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

            var failure = !response.IsSuccessStatusCode ? await ReadErrorAsync(deployment, answer, clock, time).ConfigureAwait(false)
                : answer is { IsStream: true, IsPacked: false } ? await ReadFirstEventAsync(deployment, answer, clock, time).ConfigureAwait(false)
                : await ReadBodyAsync(deployment, answer, clock).ConfigureAwait(false);
            if (failure is not null)
            {
                answer.Dispose();
                return new AttemptOutcome(failure);
            }

            clock.Disarm();
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
        while (await answer.ReadMoreAsync(LargestErrorBody, clock.Token).ConfigureAwait(false))
        {
        }

        var body = answer.IsPacked ? default : answer.Head.ToArray();
        return FailureClassifier.Classify(
            deployment.Provider, deployment.State.Key, answer.Status, body, answer.Headers, answer.ContentType, time)
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
                return FirstEvent.IsError(answer.Head.Span[..length]) ? Refused(deployment, answer, time) : null;
            }
        }
    }

    // Some gateways answer 200 and put what went wrong into the stream.
    private static Failure Refused(DeploymentModel deployment, UpstreamAnswer answer, TimeProvider time)
    {
        var data = FirstEvent.Data(answer.Head.Span).ToArray();
        var status = ProviderError.Parse(data).StatusInCode is var named and > 0 ? named : 502;
        return FailureClassifier.Classify(deployment.Provider, deployment.State.Key, status, data, answer.Headers, "application/json", time);
    }

    private static async ValueTask<Failure?> ReadBodyAsync(DeploymentModel deployment, UpstreamAnswer answer, AttemptClock clock)
    {
        var provider = deployment.Provider;
        do
        {
            clock.Arm(answer.Head.IsEmpty && provider.FirstByteIsExplicit ? provider.FirstByteTimeout : provider.IdleTimeout);
        }
        while (await answer.ReadMoreAsync(LargestHeld, clock.Token).ConfigureAwait(false));

        return answer.IsWhole && answer.ContentLength is { } announced && announced != answer.Head.Length ? Broken(provider) : null;
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
