using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Weir.Server.Errors;
using Weir.Server.Hosting;
using Weir.Server.Keys;
using Weir.Server.Observability.History;

namespace Weir.Server.Endpoints;

internal static class HistoryEndpoints
{
    private const int DefaultMinutes = 60;

    public static void MapHistory(this IEndpointRouteBuilder app) =>
        app.MapGet("/v1/history", Read).Requires(Role.Any)
            .Describe("One-minute points of this replica, oldest first.", typeof(ListOf<HistoryPoint>))
            .Query("minutes", "How many points, from 1 to 1440. Default: 60.");

    private static Task Read(HttpContext context)
    {
        var minutes = DefaultMinutes;
        if (context.Request.Query.TryGetValue("minutes", out var asked)
            && (!int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out minutes) || minutes is < 1 or > HistoryRing.Capacity))
        {
            return context.WriteErrorAsync(ApiError.Malformed($"minutes takes a number from 1 to {HistoryRing.Capacity}.", "minutes"));
        }

        return context.Response.WriteJsonAsync(new ListOf<HistoryPoint>(context.Service<HistoryRing>().Last(minutes)));
    }
}
