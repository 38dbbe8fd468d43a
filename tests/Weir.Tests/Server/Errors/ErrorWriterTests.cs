using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Weir.Server.Errors;

namespace Weir.Tests.Server.Errors;

public sealed class ErrorWriterTests
{
    [Theory]
    [InlineData("/v1/chat/completions", "OpenAI")]
    [InlineData("/v1/completions", "OpenAI")]
    [InlineData("/v1/responses", "OpenAI")]
    [InlineData("/v1/responses/resp_1/cancel", "OpenAI")]
    [InlineData("/v1/embeddings", "OpenAI")]
    [InlineData("/v1/models", "OpenAI")]
    [InlineData("/v1/models/openai/gpt-4o", "OpenAI")]
    [InlineData("/v1/messages", "Anthropic")]
    [InlineData("/v1/messages/count_tokens", "Anthropic")]
    [InlineData("/v1/embeddings/stats", "Problem")]
    [InlineData("/v1/keys", "Problem")]
    [InlineData("/v1/chat/completionsx", "Problem")]
    [InlineData("/v1/messagesx", "Problem")]
    [InlineData("/", "Problem")]
    public void Of_Path_GivesTheShapeItsClientsParse(string path, string shape) =>
        ErrorShapes.Of(new PathString(path)).ToString().ShouldBe(shape);

    [Fact]
    public void Body_OpenAI_HasTheFourFieldsInEveryError()
    {
        var error = Read(new ApiError(404, "model_not_found", "No.") { Param = "model" }, ErrorShape.OpenAI).GetProperty("error");

        error.GetProperty("message").GetString().ShouldBe("No.");
        error.GetProperty("type").GetString().ShouldBe("invalid_request_error");
        error.GetProperty("param").GetString().ShouldBe("model");
        error.GetProperty("code").GetString().ShouldBe("model_not_found");
        Read(new ApiError(500, "x", "y"), ErrorShape.OpenAI).GetProperty("error").GetProperty("param").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Theory]
    [InlineData(400, "invalid_request_error")]
    [InlineData(401, "authentication_error")]
    [InlineData(402, "billing_error")]
    [InlineData(403, "permission_error")]
    [InlineData(404, "not_found_error")]
    [InlineData(413, "request_too_large")]
    [InlineData(429, "rate_limit_error")]
    [InlineData(500, "api_error")]
    [InlineData(503, "overloaded_error")]
    [InlineData(504, "timeout_error")]
    public void Body_Anthropic_HasItsType(int status, string type)
    {
        var body = Read(new ApiError(status, "c", "m"), ErrorShape.Anthropic);

        body.GetProperty("type").GetString().ShouldBe("error");
        body.GetProperty("error").GetProperty("type").GetString().ShouldBe(type);
        body.GetProperty("error").GetProperty("message").GetString().ShouldBe("m");
    }

    [Fact]
    public void Body_Problem_IsRfc9457WithACode()
    {
        var body = Read(new ApiError(409, "conflict", "m"), ErrorShape.Problem);

        body.GetProperty("type").GetString().ShouldBe("about:blank");
        body.GetProperty("title").GetString().ShouldBe("Conflict");
        body.GetProperty("status").GetInt32().ShouldBe(409);
        body.GetProperty("detail").GetString().ShouldBe("m");
        body.GetProperty("code").GetString().ShouldBe("conflict");
    }

    [Theory]
    [InlineData(0, "1")]
    [InlineData(0.2, "1")]
    [InlineData(1.01, "2")]
    [InlineData(59.9, "60")]
    public async Task WriteErrorAsync_RetryAfter_IsWholeSecondsRoundedUp(double seconds, string header)
    {
        var context = new DefaultHttpContext();

        await context.WriteErrorAsync(ApiError.Unavailable("m", TimeSpan.FromSeconds(seconds)));

        context.Response.Headers.RetryAfter.ToString().ShouldBe(header);
    }

    private static JsonElement Read(ApiError error, ErrorShape shape) =>
        JsonDocument.Parse(ErrorWriter.Body(error, shape)).RootElement;
}
