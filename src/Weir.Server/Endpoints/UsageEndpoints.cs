using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.State;

namespace Weir.Server.Endpoints;

internal static class UsageEndpoints
{
    private const int MostDays = 366;
    private const int DefaultDays = 30;

    public static void MapUsage(this IEndpointRouteBuilder app) =>
        app.MapGet("/v1/usage", Read).Requires(Role.Any)
            .Describe("Requests, tokens and cost of the last days.", typeof(ListOf<UsageLine>))
            .Query("by", "What tells lines apart: key, model, provider and day, separated by commas. Default: key,model,day.")
            .Query("from", "The first day (UTC), such as 2026-01-31. Default: 30 days up to the last.")
            .Query("to", "The last day (UTC). Default: today.");

    private static async Task Read(HttpContext context)
    {
        var caller = context.GetCaller();
        var query = context.Request.Query;
        var to = DateOnly.FromDateTime(context.Time().GetUtcNow().UtcDateTime);
        DateOnly from;
        var error = ParseBy(query["by"], out var by);
        error ??= ParseDay(query["to"], "to", ref to);
        from = to.AddDays(1 - DefaultDays);
        error ??= ParseDay(query["from"], "from", ref from);
        if (error is null && (from > to || to.DayNumber - from.DayNumber >= MostDays))
            error = ApiError.Unprocessable($"from must not be after to, and they may span at most {MostDays} days.", "from");
        if (error is not null)
        {
            await context.WriteErrorAsync(error);
            return;
        }

        try
        {
            var lines = await context.Service<UsageReport>().ReadAsync(
                from, to, by, caller.Has(Role.Admin) ? null : caller.KeyId, context.RequestAborted);
            await context.Response.WriteJsonAsync(new ListOf<UsageLine>(lines));
        }
        catch (StoreUnavailableException fault)
        {
            await context.WriteErrorAsync(ApiError.Unavailable(fault.Message, TimeSpan.FromSeconds(2), "state_unavailable"));
        }
    }

    private static ApiError? ParseBy(string? text, out UsageBy by)
    {
        by = UsageBy.None;
        foreach (var part in (text ?? "key,model,day").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            switch (part)
            {
                case "key": by |= UsageBy.Key; break;
                case "model": by |= UsageBy.Model; break;
                case "day": by |= UsageBy.Day; break;
                case "provider": by |= UsageBy.Provider; break;
                default: return ApiError.Unprocessable("by takes key, model, provider and day, separated by commas.", "by");
            }
        }

        return null;
    }

    private static ApiError? ParseDay(string? text, string name, ref DateOnly day)
    {
        if (string.IsNullOrEmpty(text)) return null;
        if (!DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var given) || given.Year < 2000)
            return ApiError.Unprocessable($"{name} takes a day as 2026-01-31.", name);
        day = given;
        return null;
    }
}
