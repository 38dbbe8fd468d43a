using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Weir.Server.Endpoints;

/// <summary>What lists answer.</summary>
internal sealed record ListOf<T>(IReadOnlyList<T> Data);

internal static class EndpointExtensions
{
    public static T Service<T>(this HttpContext context)
        where T : notnull => context.RequestServices.GetRequiredService<T>();

    public static TimeProvider Time(this HttpContext context) => context.Service<TimeProvider>();

    /// <summary>What the OpenAPI document says about an endpoint. The handler itself stays a bare delegate: nothing is bound by reflection.</summary>
    public static IEndpointConventionBuilder Describe(
        this IEndpointConventionBuilder builder, string summary, Type? answer = null, int status = 200, Type? body = null, bool isBodyOptional = false)
    {
        builder.WithSummary(summary);
        builder.WithMetadata(new ProducesResponseTypeMetadata(status, answer, answer is null ? null : ["application/json"]));
        if (body is not null) builder.WithMetadata(new AcceptsMetadata(["application/json"], body, isBodyOptional));
        // The document generator lists only endpoints that name a method; its parameters are not read beyond HttpContext.
        builder.Add(endpoint =>
        {
            if (endpoint.RequestDelegate?.Method is { } method && !endpoint.Metadata.OfType<MethodInfo>().Any())
                endpoint.Metadata.Add(method);
        });
        return builder;
    }

    /// <summary>Names a parameter that the query may hold, for the OpenAPI document.</summary>
    public static IEndpointConventionBuilder Query(this IEndpointConventionBuilder builder, string name, string description) =>
        builder.WithMetadata(new QueryParameter(name, description));

    private sealed class AcceptsMetadata(IReadOnlyList<string> contentTypes, Type body, bool isOptional) : Microsoft.AspNetCore.Http.Metadata.IAcceptsMetadata
    {
        public IReadOnlyList<string> ContentTypes => contentTypes;

        public Type? RequestType => body;

        public bool IsOptional => isOptional;
    }
}

/// <summary>A parameter of the query: always text, never required.</summary>
internal sealed record QueryParameter(string Name, string Description);
