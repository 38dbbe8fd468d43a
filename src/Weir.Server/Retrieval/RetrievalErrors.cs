using Weir.Inference;
using Weir.Retrieval;
using Weir.Server.Errors;

namespace Weir.Server.Retrieval;

/// <summary>Errors of retrieval as the edge writes them, and as the gateway carries them.</summary>
internal static class RetrievalErrors
{
    public static ApiError ToApiError(this RetrievalError error) => new(error.Status, error.Code, error.Message)
    {
        Param = error.Param,
        RetryAfter = error.RetryAfter,
        ShouldRetry = error.ShouldRetry ?? CanHelp(error.Status),
    };

    public static InferenceError ToInferenceError(this RetrievalError error) => new(error.Status, error.Code, error.Message)
    {
        Param = error.Param,
        RetryAfter = error.RetryAfter,
        ShouldRetry = error.ShouldRetry ?? CanHelp(error.Status),
    };

    public static RetrievalError ToRetrievalError(this InferenceError error) => new(error.Status, error.Code, error.Message)
    {
        Param = error.Param,
        RetryAfter = error.RetryAfter,
        ShouldRetry = error.ShouldRetry,
    };

    // What the client sent stays as wrong as it is; of all else the SDKs judge by the status.
    private static bool? CanHelp(int status) => status is >= 400 and < 500 and not (408 or 409 or 425 or 429) ? false : null;
}
