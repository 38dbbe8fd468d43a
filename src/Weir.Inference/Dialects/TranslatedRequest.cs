using System.Text.Json;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Dialects;

/// <summary>A request as one deployment takes it, where that is not what its client sent. It holds pooled memory until it is disposed.</summary>
internal sealed class TranslatedRequest : IDisposable
{
    // JSON written afresh can be longer than it was, by what must be escaped and by the other dialect's longer names.
    private const long LeastBound = 1024 * 1024;
    private const int Growth = 6;

    private readonly ITranslation _translation;
    private readonly InferenceRequest _request;

    private TranslatedRequest(ITranslation translation, InferenceRequest request, string target, PooledBody body, IReadOnlyList<string> dropped)
    {
        _translation = translation;
        _request = request;
        Target = target;
        Body = body;
        Dropped = dropped;
    }

    /// <summary>What the provider is asked for.</summary>
    public Operation Operation => _translation.To;

    /// <summary>The <c>provider/model</c> that it was made for.</summary>
    public string Target { get; }

    public PooledBody Body { get; }

    /// <summary>The client's fields that were left out.</summary>
    public IReadOnlyList<string> Dropped { get; }

    /// <summary>The most bytes that a body may have once it is translated.</summary>
    public static long BoundOf(int length) => Math.Max(LeastBound, (long)length * Growth);

    /// <returns>The request, or why there is none: 422 where this deployment cannot express it.</returns>
    public static (TranslatedRequest? Request, InferenceError? Error) Make(
        ITranslation translation, InferenceRequest request, RouteModel route, DeploymentModel deployment)
    {
        var target = new TranslationTarget(deployment.Name, deployment.Model, deployment.MaxOutput, route.DropParams) { Preset = deployment.Provider.Preset };
        using var writer = new PooledWriter(request.Owner?.Budget, BoundOf(request.Body.Length));
        try
        {
            return translation.TranslateRequest(request.Body, target, writer) is { } error ? (null, error)
                : (new TranslatedRequest(translation, request, deployment.Name, writer.ToBody(), target.Dropped), null);
        }
        catch (BodyBoundException bound)
        {
            return (null, bound.Refusal == BodyRefusal.NoRoom
                ? new InferenceError(503, "no_room_for_body", "The memory for request bodies is in use: the request could not be translated. Come back in a moment.") { RetryAfter = TimeSpan.FromSeconds(1) }
                : new InferenceError(413, "body_too_large", $"The body is too large once it is translated for '{deployment.Name}'.") { ShouldRetry = false });
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair in an escape is well-formed JSON and no text.
            return (null, InferenceError.Malformed("A string in the body holds an escape that is no character."));
        }
    }

    /// <summary>Begins the translation of the answer.</summary>
    public AnswerTranslator BeginAnswer(DateTimeOffset now) => _translation.BeginAnswer(new AnswerContext(
        _request.Body, _request.Head.Model, now, _request.Head.Stream, _request.Operation == Operation.ChatCompletions && AsksForUsage(_request.Body.Span)));

    public void Dispose() => Body.Dispose();

    // stream_options.include_usage of a body that has been scanned before.
    private static bool AsksForUsage(ReadOnlySpan<byte> body)
    {
        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = RequestHeadScanner.MaxDepth });
        reader.Read();
        var asks = false;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isOptions = reader.ValueTextEquals("stream_options"u8);
            reader.Read();
            if (!isOptions || reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isUsage = reader.ValueTextEquals("include_usage"u8);
                reader.Read();
                asks = isUsage ? reader.TokenType == JsonTokenType.True : asks;
                reader.Skip();
            }
        }

        return asks;
    }
}
