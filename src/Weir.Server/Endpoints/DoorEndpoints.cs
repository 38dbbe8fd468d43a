using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.Leases.Doors;
using Weir.Server.Keys;
using Weir.Server.Leases;

namespace Weir.Server.Endpoints;

/// <summary>The doors of leased resources. No key is asked for: each door checks the token of its lease.</summary>
internal static class DoorEndpoints
{
    private static readonly string[] Methods =
        [HttpMethods.Get, HttpMethods.Head, HttpMethods.Post, HttpMethods.Put, HttpMethods.Patch, HttpMethods.Delete, HttpMethods.Options];

    public static void MapDoors(this WebApplication app)
    {
        var doors = app.Services.GetRequiredService<DoorServing>();
        var renewal = app.Services.GetRequiredService<UseRenewal>();
        app.MapMethods("/doors/{id}/{**path}", Methods, async context =>
            {
                var id = (string)context.GetRouteValue("id")!;
                await doors.ServeAsync(context, id);
                renewal.Used(id, context.Response.StatusCode);
            })
            .ChecksItsOwnToken().Describe("Uses a leased resource, with the token that the lease gave for it; whatever follows the door is the resource's own. Also over WebSockets.");
    }
}
