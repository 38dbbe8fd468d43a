namespace Weir.Simulation.Answers;

/// <summary>An answer in OpenAI's error shape.</summary>
internal sealed record Rejection(int Status, string Message, string Type, string? Param = null, string? Code = null)
{
    public static Rejection Invalid(string message, string? param = null, string? code = null) => new(400, message, "invalid_request_error", param, code);

    public static Rejection UnknownModel(string model) =>
        new(404, $"The model `{model}` does not exist at this simulated provider.", "invalid_request_error", "model", "model_not_found");

    public static Rejection WrongKey { get; } =
        new(401, "Incorrect API key provided to this simulated provider.", "invalid_request_error", null, "invalid_api_key");

    public static Rejection RateLimited(int perMinute, TimeSpan wait) =>
        new(429, $"Rate limit reached: {perMinute} requests a minute at this simulated provider. Try again in {Math.Ceiling(wait.TotalSeconds)}s.", "requests", null, "rate_limit_exceeded");

    /// <summary>The error that a provider would give with a drawn status.</summary>
    public static Rejection Drawn(int status) => status switch
    {
        401 => WrongKey,
        429 => new(429, "Simulated: too many requests.", "requests", null, "rate_limit_exceeded"),
        >= 500 => new(status, "Simulated: the server had an error while processing your request.", "server_error"),
        _ => new(status, "Simulated: the request was refused.", "invalid_request_error"),
    };
}
