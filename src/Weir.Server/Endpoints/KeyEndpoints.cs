using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.State;

namespace Weir.Server.Endpoints;

internal static class KeyEndpoints
{
    private static readonly TimeSpan StoreRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FeedWithin = TimeSpan.FromSeconds(2);

    public static void MapKeys(this IEndpointRouteBuilder app)
    {
        app.MapPost("/v1/keys", Create).Requires(Role.Admin)
            .Describe("Makes a key; its secret is in this answer alone.", typeof(KeyView), 201, typeof(KeyRequest));
        app.MapGet("/v1/keys", List).Requires(Role.Admin).Describe("The keys, without their secrets.", typeof(ListOf<KeyView>));
        app.MapDelete("/v1/keys/{id}", Revoke).Requires(Role.Admin).Describe("Revokes a key at once.", null, 204);
    }

    private static async Task Create(HttpContext context)
    {
        var (body, error) = await context.Request.ReadJsonAsync<KeyRequest>();
        error ??= body!.Fault(context.Time().GetUtcNow());
        if (error is not null)
        {
            await context.WriteErrorAsync(error);
            return;
        }

        try
        {
            var (record, secret) = await context.Service<KeyStore>().CreateAsync(body!, context.RequestAborted);
            await SeenAsync(context, table => table.Contains(record.Id));
            context.Response.Headers.CacheControl = "no-store";
            await context.Response.WriteJsonAsync(KeyView.Of(record, secret), StatusCodes.Status201Created);
        }
        catch (StoreUnavailableException fault)
        {
            await context.WriteErrorAsync(ApiError.Unavailable(fault.Message, StoreRetry, "state_unavailable"));
        }
    }

    // Whoever is told that a key is made or gone may rely on it, at least at this replica; others follow their feeds.
    private static Task<bool> SeenAsync(HttpContext context, Func<KeyTable, bool> seen) =>
        context.Service<KeyRing>().WhenAsync(seen, FeedWithin, context.Time(), context.RequestAborted);

    private static async Task List(HttpContext context)
    {
        try
        {
            var records = await context.Service<KeyStore>().ListAsync(context.RequestAborted);
            var views = records.OrderBy(r => r.Created).ThenBy(r => r.Id, StringComparer.Ordinal).Select(r => KeyView.Of(r));
            await context.Response.WriteJsonAsync(new ListOf<KeyView>([.. views]));
        }
        catch (StoreUnavailableException fault)
        {
            await context.WriteErrorAsync(ApiError.Unavailable(fault.Message, StoreRetry, "state_unavailable"));
        }
    }

    private static async Task Revoke(HttpContext context)
    {
        var id = (string)context.GetRouteValue("id")!;
        try
        {
            if (await context.Service<KeyStore>().RevokeAsync(id, context.RequestAborted))
            {
                await SeenAsync(context, table => !table.Contains(id));
                context.Response.StatusCode = StatusCodes.Status204NoContent;
            }
            else
            {
                await context.WriteErrorAsync(ApiError.NotFound("There is no key of that id; ids begin with 'key_'. GET /v1/keys lists them."));
            }
        }
        catch (StoreUnavailableException fault)
        {
            await context.WriteErrorAsync(ApiError.Unavailable(fault.Message, StoreRetry, "state_unavailable"));
        }
    }
}

/// <summary>A key as the API shows it.</summary>
internal sealed record KeyView
{
    public required string Id { get; init; }

    public required string Name { get; init; }

    /// <summary>The secret. Only in the answer that made the key.</summary>
    public string? Key { get; init; }

    /// <summary>The first characters of the secret.</summary>
    public required string Prefix { get; init; }

    public required IReadOnlyList<string> Roles { get; init; }

    public required string Tenant { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Expires { get; init; }

    public int? RequestsPerMinute { get; init; }

    public int? TokensPerMinute { get; init; }

    public int? MaxInFlight { get; init; }

    public SpendLimit? Spend { get; init; }

    public int? MaxPriority { get; init; }

    public IReadOnlyList<string>? Routes { get; init; }

    public IReadOnlyList<string>? Kinds { get; init; }

    public static KeyView Of(KeyRecord record, string? secret = null) => new()
    {
        Id = record.Id,
        Name = record.Name,
        Key = secret,
        Prefix = record.Shown,
        Roles = record.Roles,
        Tenant = record.Tenant,
        Created = record.Created,
        Expires = record.Expires,
        RequestsPerMinute = record.RequestsPerMinute,
        TokensPerMinute = record.TokensPerMinute,
        MaxInFlight = record.MaxInFlight,
        Spend = record.Spend,
        MaxPriority = record.MaxPriority,
        Routes = record.Routes,
        Kinds = record.Kinds,
    };
}
