using Microsoft.AspNetCore.Builder;

namespace Weir.Server.Keys;

/// <summary>What an endpoint takes. One that declares nothing takes an admin, so that a forgotten line shuts a door rather than opens one.</summary>
internal sealed class Requirement
{
    public static readonly Requirement Undeclared = new(Role.Admin);

    public static readonly Requirement Nothing = new(Role.None);

    public Requirement(Role role)
    {
        Role = role;
        Named = role == Role.Any ? "app, worker, node or admin" : string.Join(" or ", Roles.NamesOf(role));
    }

    /// <summary>Any one of these; none: open to anyone.</summary>
    public Role Role { get; }

    public string Named { get; }
}

internal static class RequirementExtensions
{
    /// <summary>Callers with any one of <paramref name="role"/> may use the endpoint.</summary>
    public static TBuilder Requires<TBuilder>(this TBuilder builder, Role role)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new Requirement(role));

    /// <summary>Anyone may use the endpoint, also while the server starts or drains.</summary>
    public static TBuilder OpenToAnyone<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(Requirement.Nothing);
}
