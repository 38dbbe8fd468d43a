using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Weir.Server.Keys;
using Weir.Server.Observability;

namespace Weir.Server.Endpoints;

internal static class OpenApiEndpoints
{
    public static void AddOpenApiDocument(this IServiceCollection services) =>
        services.AddOpenApi("v1", options => options
            .AddDocumentTransformer((document, _, _) =>
            {
                document.Info.Title = "Weir";
                document.Info.Description = "The resource plane for AI agents.";
                document.Info.Version = WeirVersion.Text;
                return Task.CompletedTask;
            })
            .AddOperationTransformer((operation, context, _) =>
            {
                AddParameters(operation, context.Description);
                return Task.CompletedTask;
            }));

    public static void MapOpenApiDocument(this IEndpointRouteBuilder app) =>
        app.MapOpenApi("/openapi/{documentName}.json").OpenToAnyone();

    // Handlers are bare delegates: what they read of path and query is known from the pattern and from what stands beside it.
    private static void AddParameters(OpenApiOperation operation, ApiDescription endpoint)
    {
        var parameters = operation.Parameters ??= [];
        var path = RoutePatternFactory.Parse(endpoint.RelativePath ?? "").Parameters;
        foreach (var parameter in path.Where(one => !parameters.Any(known => known.Name == one.Name)))
            parameters.Add(Text(parameter.Name, ParameterLocation.Path, null));
        foreach (var parameter in endpoint.ActionDescriptor.EndpointMetadata.OfType<QueryParameter>())
            parameters.Add(Text(parameter.Name, ParameterLocation.Query, parameter.Description));
    }

    private static OpenApiParameter Text(string name, ParameterLocation place, string? description) => new()
    {
        Name = name,
        In = place,
        Description = description,
        Required = place == ParameterLocation.Path,
        Schema = new OpenApiSchema { Type = JsonSchemaType.String },
    };
}
