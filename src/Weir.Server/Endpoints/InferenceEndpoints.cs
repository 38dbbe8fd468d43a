using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.Inference;
using Weir.Inference.Caching;
using Weir.Inference.Models;
using Weir.Inference.Providers;
using Weir.Inference.Requests;
using Weir.Server.Configuration;
using Weir.Server.Configuration.Shapes;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Observability.Access;

namespace Weir.Server.Endpoints;

/// <summary>Both dialects: reads a request, lets the gateway serve it, and settles what it used with its key.</summary>
internal sealed class InferenceEndpoints(InferencePipeline pipeline, ModelDirectory models, KeyLimits limits, BodyLimits bodies)
{
    private const string SessionHeader = "x-weir-session";
    private const int LongestSession = 256;

    private static readonly string[] PassedOn = ["openai-beta", "anthropic-beta", "anthropic-version"];

    public static void Map(IEndpointRouteBuilder app)
    {
        var services = app.ServiceProvider;
        var endpoints = new InferenceEndpoints(
            services.GetRequiredService<InferencePipeline>(),
            services.GetRequiredService<ModelDirectory>(),
            services.GetRequiredService<KeyLimits>(),
            services.GetRequiredService<BodyLimits>());

        foreach (var operation in Operation.All)
        {
            app.MapPost("/v1" + operation.Path, context => endpoints.ServeAsync(context, operation))
                .Requires(Role.App)
                .Describe($"{(operation.Dialect == Dialect.Anthropic ? "Anthropic" : "OpenAI")}'s {operation.Path}, through a route.");
        }

        app.MapGet("/v1/models", endpoints.ListModelsAsync).Requires(Role.App).Describe("What this key may ask for.");
        app.MapGet("/v1/models/{**id}", endpoints.FindModelAsync).Requires(Role.App).Describe("One model.");
    }

    private async Task ServeAsync(HttpContext context, Operation operation)
    {
        var caller = context.GetCaller();
        var (read, refused) = await PooledBody.ReadAsync(context.Request.BodyReader, context.Request.ContentLength, bodies, context.RequestAborted);
        using var body = read;
        if (body is null)
        {
            await RefuseBodyAsync(context, refused, bodies);
            return;
        }

        if (RequestHeadScanner.Scan(body.Memory.Span, out var head, operation) is { } fault)
        {
            await context.WriteErrorAsync(Of(fault));
            return;
        }

        if (!TryReadHeaders(context.Request.Headers, caller, out var priority, out var timeout, out var wrong)
            || !TryReadCache(context.Request.Headers, out var useCache, out wrong))
        {
            await context.WriteErrorAsync(wrong);
            return;
        }

        if (!limits.TryEnter(caller, caller.TokensPerMinute is null ? 0 : pipeline.EstimateOf(operation, head), out var permit, out var refusal))
        {
            await context.WriteErrorAsync(refusal);
            return;
        }

        using (permit)
        {
            var headers = context.Request.Headers;
            var request = new InferenceRequest
            {
                Operation = operation,
                Head = head,
                Body = body.Memory,
                Owner = body,
                Tenant = caller.Tenant,
                Client = caller.KeyId,
                MayUse = caller.MayUse,
                Priority = priority,
                Timeout = timeout,
                UseCache = useCache,
                Headers = Read(headers),
            };
            await ConcludeAsync(context, permit, request, await pipeline.RunAsync(request, new HttpAnswer(context), context.RequestAborted));
        }
    }

    internal static Task RefuseBodyAsync(HttpContext context, BodyRefusal refusal, BodyLimits bodies)
    {
        if (refusal is BodyRefusal.TooSlow or BodyRefusal.NoRoom)
        {
            // The rest of the body is not waited for.
            context.Response.Headers.Connection = "close";
        }

        return context.WriteErrorAsync(refusal switch
        {
            BodyRefusal.TooSlow => StatusErrors.BodyTooSlow,
            BodyRefusal.NoRoom => StatusErrors.NoRoomForBody,
            _ => StatusErrors.BodyTooLarge(bodies.MaxBytes),
        });
    }

    /// <summary>Settles what a request used with its key, and answers for what the gateway refused.</summary>
    internal static Task ConcludeAsync(HttpContext context, KeyPermit permit, InferenceRequest request, InferenceReport report)
    {
        context.Note(request, report);
        Settle(permit, report);
        if (report.Error is not { } error || context.RequestAborted.IsCancellationRequested)
        {
            return Task.CompletedTask;
        }

        HttpAnswer.Describe(context.Response, report);
        return context.WriteErrorAsync(Of(error));
    }

    /// <summary>Counts what a request used with its key. What came from the cache counts as a request that used nothing.</summary>
    internal static void Settle(KeyPermit permit, InferenceReport report)
    {
        if (report.Deployment is not null || report.Cache == CacheOutcome.Hit)
        {
            permit.Settle(new KeyUsage
            {
                Model = report.Label,
                Provider = report.Provider,
                InputTokens = report.Usage?.Input ?? 0,
                OutputTokens = report.Usage?.Output ?? 0,
                Cost = (decimal)report.Cost,
            });
        }
    }

    private async Task ListModelsAsync(HttpContext context)
    {
        var entries = await models.ListAsync(context.GetCaller().MayUse, context.RequestAborted);
        await (AnthropicModels.AreWanted(context.Request)
            ? context.Response.WriteJsonAsync(AnthropicModels.View(entries))
            : context.Response.WriteJsonAsync(new ModelList([.. entries.Select(View)])));
    }

    private async Task FindModelAsync(HttpContext context)
    {
        // The official clients send the slash of provider/model encoded, and routing leaves it so.
        var id = Uri.UnescapeDataString((string)context.GetRouteValue("id")!);
        var (entry, error) = await models.FindAsync(id, context.GetCaller().MayUse, context.RequestAborted);
        await (entry is null ? context.WriteErrorAsync(Of(error!))
            : AnthropicModels.AreWanted(context.Request) ? context.Response.WriteJsonAsync(AnthropicModels.View(entry))
            : context.Response.WriteJsonAsync(View(entry)));
    }

    internal static bool TryReadHeaders(IHeaderDictionary headers, Caller caller, out int priority, out TimeSpan? timeout, out ApiError error)
    {
        priority = Math.Min(5, caller.MaxPriority);
        timeout = null;
        error = null!;
        if (headers.TryGetValue("x-weir-priority", out var wanted))
        {
            if (!int.TryParse(wanted, NumberStyles.None, CultureInfo.InvariantCulture, out priority) || priority > 9)
            {
                error = ApiError.Malformed("x-weir-priority takes a number from 0 to 9; 9 goes first.");
                return false;
            }

            priority = Math.Min(priority, caller.MaxPriority);
        }

        if (headers.TryGetValue("x-weir-timeout", out var most))
        {
            if (DurationText.Read(most.ToString()) is not { } span || span <= TimeSpan.Zero || span > TimeSpan.FromDays(1))
            {
                error = ApiError.Malformed("x-weir-timeout takes a duration up to a day, such as 20s, 900ms or 5m.");
                return false;
            }

            timeout = span;
        }

        if (headers.TryGetValue(SessionHeader, out var session) && (session.ToString().Length is 0 or > LongestSession || !IsPlain(session.ToString())))
        {
            error = ApiError.Malformed($"x-weir-session takes 1 to {LongestSession} plain characters, such as an id of a conversation.");
            return false;
        }

        foreach (var name in PassedOn)
        {
            if (headers.TryGetValue(name, out var value) && !IsPlain(value.ToString()))
            {
                error = ApiError.Malformed($"{name} holds characters that a header cannot carry on.");
                return false;
            }
        }

        return true;
    }

    internal static bool TryReadCache(IHeaderDictionary headers, out bool? use, out ApiError error)
    {
        use = null;
        error = null!;
        if (!headers.TryGetValue("x-weir-cache", out var word))
        {
            return true;
        }

        use = word.ToString() switch { "on" => true, "off" => false, _ => null };
        error = use is null ? ApiError.Malformed("x-weir-cache takes 'on' or 'off'.") : null!;
        return use is not null;
    }

    /// <summary>What <see cref="TryReadHeaders"/> has found to be in order.</summary>
    internal static ClientHeaders Read(IHeaderDictionary headers)
    {
        string? idempotency = headers["idempotency-key"], openai = headers["openai-beta"], session = headers[SessionHeader];
        string? beta = headers["anthropic-beta"], version = headers["anthropic-version"], trace = TraceParentOf(headers);
        return (idempotency ?? openai ?? session ?? beta ?? version ?? trace) is null ? ClientHeaders.None : new ClientHeaders
        {
            IdempotencyKey = idempotency,
            OpenAIBeta = openai,
            AnthropicBeta = beta,
            AnthropicVersion = version,
            Session = session,
            TraceParent = trace,
        };
    }

    // W3C Trace Context: one that cannot be understood is left out, never refused.
    private static string? TraceParentOf(IHeaderDictionary headers) =>
        headers.TraceParent is { Count: 1 } one && one[0] is { Length: > 0 and <= 256 } text && IsPlain(text) ? text : null;

    // What could not be sent would look like the provider's failure, and count against it.
    private static bool IsPlain(string text) => !text.AsSpan().ContainsAnyExceptInRange(' ', '~');

    internal static ApiError Of(InferenceError error) => new(error.Status, error.Code, error.Message)
    {
        Param = error.Param,
        RetryAfter = error.RetryAfter,
        ShouldRetry = error.ShouldRetry,
    };

    private static ModelView View(ModelEntry entry) => new(entry.Id, "model", 0, entry.OwnedBy);

    private sealed record ModelList(IReadOnlyList<ModelView> Data)
    {
        public string Object { get; } = "list";
    }

    private sealed record ModelView(string Id, string Object, long Created, string OwnedBy);
}
