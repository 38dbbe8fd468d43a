namespace Weir.Server.Keys;

/// <summary>What a key may do. A key has one or more; <see cref="Worker"/> includes <see cref="App"/>, and <see cref="Admin"/> includes all.</summary>
[Flags]
internal enum Role
{
    None = 0,

    /// <summary>Inference, retrieval, assistants, and its tenant's files and batches.</summary>
    App = 1,

    /// <summary>What an app may, and leases, MCP and jobs.</summary>
    Worker = 2,

    /// <summary>Connect as a node.</summary>
    Node = 4,

    /// <summary>Everything.</summary>
    Admin = 8,

    /// <summary>Reading live state is open to every role.</summary>
    Any = App | Worker | Node | Admin,
}

internal static class Roles
{
    private static readonly (string Name, Role Role)[] Names =
        [("admin", Role.Admin), ("app", Role.App), ("worker", Role.Worker), ("node", Role.Node)];

    /// <summary>Adds what each given role includes.</summary>
    public static Role Expand(Role given)
    {
        if ((given & Role.Admin) != 0) return Role.Any;
        if ((given & Role.Worker) != 0) given |= Role.App;
        return given;
    }

    /// <summary>Null where no role has that name.</summary>
    public static Role? Parse(string name)
    {
        foreach (var (known, role) in Names)
        {
            if (string.Equals(known, name, StringComparison.OrdinalIgnoreCase)) return role;
        }

        return null;
    }

    public static IReadOnlyList<string> NamesOf(Role roles) =>
        [.. Names.Where(n => (roles & n.Role) != 0).Select(n => n.Name)];
}
