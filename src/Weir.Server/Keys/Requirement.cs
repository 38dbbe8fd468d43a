using Microsoft.AspNetCore.Builder;

namespace Weir.Server.Keys;

/// <summary>What an endpoint takes. One that declares nothing takes an admin, so that a forgotten line shuts a door rather than opens one.</summary>
internal sealed class Requirement
{
    public static readonly Requirement Undeclared = new(Role.Admin);

    public static readonly Requirement Nothing = new(Role.None) { IsAlways = true };

    /// <summary>No key, but a token that the endpoint itself checks; to everything else it is a request like any other.</summary>
    public static readonly Requirement OwnToken = new(Role.None);

    public Requirement(Role role)
    {
        Role = role;
        Named = role == Role.Any ? "app, worker, node or admin" : string.Join(" or ", Roles.NamesOf(role));
    }

    /// <summary>Any one of these; none: open to anyone.</summary>
    public Role Role { get; }

    public string Named { get; }

    /// <summary>Served also while the server starts or drains, and not waited for at the end.</summary>
    public bool IsAlways { get; private init; }
}

internal static class RequirementExtensions
{
    /// <summary>Callers with any one of <paramref name="role"/> may use the endpoint.</summary>
    public static TBuilder Requires<TBuilder>(this TBuilder builder, Role role)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(new Requirement(role));

    /// <summary>Anyone may use the endpoint, also while the server starts or drains.</summary>
    public static TBuilder OpenToAnyone<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(Requirement.Nothing);

    /// <summary>No key is asked for: the endpoint answers 401 to whoever has not its own token.</summary>
    public static TBuilder ChecksItsOwnToken<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder => builder.WithMetadata(Requirement.OwnToken);
}
