using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference;
using Weir.Inference.Requests;
using Weir.Inference.Responses;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;

namespace Weir.Server.Endpoints;

/// <summary>Responses that a provider keeps: each request goes to the deployment that made the response, for the tenant that asked for it.</summary>
internal sealed class ResponseEndpoints(InferencePipeline pipeline, KeyLimits limits)
{
    private const string Path = "/v1/responses/{id}";
    private const int LongestQuery = 2048;

    public static void Map(IEndpointRouteBuilder app)
    {
        var services = app.ServiceProvider;
        var endpoints = new ResponseEndpoints(services.GetRequiredService<InferencePipeline>(), services.GetRequiredService<KeyLimits>());
        app.MapGet(Path, context => endpoints.ServeAsync(context, HttpMethod.Get, ""))
            .Requires(Role.App).Describe("A stored response; with stream=true its events.");
        app.MapDelete(Path, context => endpoints.ServeAsync(context, HttpMethod.Delete, ""))
            .Requires(Role.App).Describe("Deletes a stored response.");
        app.MapPost(Path + "/cancel", context => endpoints.ServeAsync(context, HttpMethod.Post, "/cancel"))
            .Requires(Role.App).Describe("Cancels a response that is made in the background.");
        app.MapGet(Path + "/input_items", context => endpoints.ServeAsync(context, HttpMethod.Get, "/input_items"))
            .Requires(Role.App).Describe("What a stored response was made from.");
    }

    private async Task ServeAsync(HttpContext context, HttpMethod method, string action)
    {
        var caller = context.GetCaller();
        var query = context.Request.QueryString.Value ?? "";
        if (query.Length > LongestQuery)
        {
            await context.WriteErrorAsync(ApiError.Malformed($"The query is longer than {LongestQuery} characters."));
            return;
        }

        if (!InferenceEndpoints.TryReadHeaders(context.Request.Headers, caller, out var priority, out var timeout, out var wrong))
        {
            await context.WriteErrorAsync(wrong);
            return;
        }

        if (!limits.TryEnter(caller, 0, out var permit, out var refusal))
        {
            await context.WriteErrorAsync(refusal);
            return;
        }

        using (permit)
        {
            var headers = context.Request.Headers;
            var request = new InferenceRequest
            {
                Operation = Operation.Responses,
                Head = new RequestHead { Model = "", ModelValue = default, Stream = string.Equals(context.Request.Query["stream"], "true", StringComparison.OrdinalIgnoreCase) },
                Body = default,
                Stored = new StoredResponseCall(method, (string)context.GetRouteValue("id")!, action, query),
                Tenant = caller.Tenant,
                MayUse = caller.MayUse,
                Priority = priority,
                Timeout = timeout,
                Headers = InferenceEndpoints.Read(headers),
            };
            await InferenceEndpoints.ConcludeAsync(
                context, permit, request, await pipeline.RunAsync(request, new HttpAnswer(context), context.RequestAborted));
        }
    }
}
