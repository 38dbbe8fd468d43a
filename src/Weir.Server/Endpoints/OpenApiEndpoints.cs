using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Weir.Server.Keys;
using Weir.Server.Observability;

namespace Weir.Server.Endpoints;

internal static class OpenApiEndpoints
{
    public static void AddOpenApiDocument(this IServiceCollection services) =>
        services.AddOpenApi("v1", options => options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "Weir";
            document.Info.Description = "The resource plane for AI agents.";
            document.Info.Version = WeirVersion.Text;
            return Task.CompletedTask;
        }));

    public static void MapOpenApiDocument(this IEndpointRouteBuilder app) =>
        app.MapOpenApi("/openapi/{documentName}.json").OpenToAnyone();
}
