using Microsoft.AspNetCore.Http;

namespace Weir.Server.Errors;

/// <summary>How an error is written: each path answers in the shape that its clients parse.</summary>
internal enum ErrorShape
{
    /// <summary>RFC 9457.</summary>
    Problem,

    OpenAI,

    Anthropic,
}

internal static class ErrorShapes
{
    private static readonly string[] OpenAIPaths =
        ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/models", "/v1/files", "/v1/batches"];

    /// <summary>By path alone, so that it also holds for what no endpoint matched.</summary>
    public static ErrorShape Of(PathString path)
    {
        if (path.StartsWithSegments("/v1/messages")) return ErrorShape.Anthropic;

        // Weir's own surfaces under a path that it shares with OpenAI.
        if (path.StartsWithSegments("/v1/embeddings", out var rest) && rest.HasValue && rest != "/") return ErrorShape.Problem;

        foreach (var prefix in OpenAIPaths)
        {
            if (path.StartsWithSegments(prefix)) return ErrorShape.OpenAI;
        }

        return ErrorShape.Problem;
    }

    public static string OpenAIType(int status) => status switch
    {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    public static string AnthropicType(int status) => status switch
    {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 or 529 => "overloaded_error",
        504 => "timeout_error",
        >= 500 => "api_error",
        _ => "invalid_request_error",
    };
}
