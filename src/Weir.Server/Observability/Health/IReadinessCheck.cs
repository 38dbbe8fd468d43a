using System.Text.Json.Serialization;

namespace Weir.Server.Observability.Health;

/// <summary>One dependency as <c>/health/ready</c> names it. Asked on each request: answers at once, from what is known.</summary>
internal interface IReadinessCheck
{
    string Name { get; }

    DependencyHealth Check();
}

/// <summary>How one dependency is.</summary>
/// <param name="Status"><c>ok</c> or <c>degraded</c>; neither takes the server out of rotation.</param>
/// <param name="Details">One sentence each, with what to do where something can be done. Anyone reads it: no paths, addresses or errors of others stand in it.</param>
internal sealed record DependencyHealth(string Status, IReadOnlyList<string> Details)
{
    public static readonly DependencyHealth Ok = new("ok", []);

    /// <summary>What an admin is told in place of <see cref="Details"/>. Null: the same.</summary>
    [JsonIgnore]
    public IReadOnlyList<string>? Causes { get; init; }

    [JsonIgnore]
    public bool IsOk => Status == "ok";

    public static DependencyHealth Degraded(params IReadOnlyList<string> details) => new("degraded", details);
}
