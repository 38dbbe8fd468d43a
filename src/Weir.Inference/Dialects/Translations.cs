using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Dialects;

/// <summary>How a deployment is asked for what a client wants.</summary>
internal enum Rendition
{
    /// <summary>In the client's own bytes: both speak the same.</summary>
    Verbatim,

    /// <summary>Translated there and back.</summary>
    Translated,

    /// <summary>Not at all: tokens are counted here, by <see cref="MessageTokens"/>.</summary>
    Estimated,

    /// <summary>Not at all: the dialect has no such operation.</summary>
    Impossible,
}

/// <summary>The one place that decides in which operation a deployment is asked. Whoever adds a translation adds a row.</summary>
internal static class Translations
{
    // Within one dialect, for those of its providers that have no Responses API.
    private static readonly ResponsesOverChat Responses = new();
    private static readonly ChatOverMessages Chat = new();
    private static readonly MessagesOverMessages Signed = new(Operation.Messages);
    private static readonly MessagesOverMessages SignedCount = new(Operation.CountTokens);
    private static readonly ITranslation[] Rows =
    [
        Chat,
        new MessagesOverChat(),
        new ChainedTranslation(Responses, Chat, ResponsesOverChat.FieldOf),
    ];

    /// <param name="request">What the client asks for.</param>
    /// <param name="target">Where it would go.</param>
    /// <param name="translation">Set where the answer is <see cref="Rendition.Translated"/>.</param>
    public static Rendition Of(InferenceRequest request, DeploymentModel target, out ITranslation? translation)
    {
        translation = null;
        var wanted = request.Operation;
        if (wanted.Dialect == target.Provider.Dialect)
        {
            if (wanted.Dialect == Dialect.Anthropic && ThinkingSignature.MayBeMissing(request.Body.Span))
            {
                translation = wanted == Operation.CountTokens ? SignedCount : Signed;
                return Rendition.Translated;
            }

            if (wanted != Operation.Responses || request.Pin is not null || !target.State.Provider.Responses.IsSet)
            {
                return Rendition.Verbatim;
            }

            translation = Responses;
            return Rendition.Translated;
        }

        if (request.Pin is not null)
        {
            // The provider has changed its dialect since it made that response.
            return Rendition.Impossible;
        }

        if (wanted == Operation.CountTokens)
        {
            return Rendition.Estimated;
        }

        translation = Find(wanted, target.Provider.Dialect);
        return translation is null ? Rendition.Impossible : Rendition.Translated;
    }

    /// <summary>Says why a deployment cannot be asked for something at all.</summary>
    public static InferenceError Impossible(Operation wanted, DeploymentModel target) => new(
        422,
        "unsupported_operation",
        $"'{target.Name}' cannot be asked for {wanted.Path}: its provider speaks the dialect of {NameOf(target.Provider.Dialect)}, which has nothing like it. Use a deployment of the dialect of {NameOf(wanted.Dialect)}.")
    {
        Param = "model",
        ShouldRetry = false,
    };

    private static ITranslation? Find(Operation wanted, Dialect spoken)
    {
        foreach (var row in Rows)
        {
            if (row.From == wanted && row.To.Dialect == spoken)
            {
                return row;
            }
        }

        return null;
    }

    private static string NameOf(Dialect dialect) => dialect == Dialect.Anthropic ? "Anthropic" : "OpenAI";
}
