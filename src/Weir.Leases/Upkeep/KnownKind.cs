using System.Security.Cryptography;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;

namespace Weir.Leases.Upkeep;

/// <summary>A kind as it is stored, and what its sort makes of that. Immutable.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Options">What it is.</param>
/// <param name="Sort">What its sort says of it.</param>
/// <param name="Implementation">What does the work.</param>
internal sealed record KnownKind(string Name, KindOptions Options, KindSort Sort, ResourceKind Implementation)
{
    public KindTraits Traits { get; } = Sort.TraitsOf(Options);

    public IReadOnlySet<string> Slots { get; } = Sort.SlotsOf(Options).ToHashSet(StringComparer.Ordinal);

    /// <summary>The same for two definitions whose instances are made alike.</summary>
    public string Definition { get; } = DefinitionOf(Options);

    public bool HasInstances => Has(KindTraits.Instances);

    public bool Has(KindTraits trait) => (Traits & trait) != 0;

    /// <summary>What may be given out as it stands: a clean one where nothing has to be made, else one with an instance, of this definition.</summary>
    public bool IsOfDefinition(ResourceInstance instance) => instance.Definition == Definition;

    /// <summary>How many there are and who may have them does not change what each of them is.</summary>
    private static string DefinitionOf(KindOptions options)
    {
        var made = options with { Capacity = null, Warm = 0, Aliases = [], Limits = new(), InitialiseWithin = default, ResetWithin = default };
        return Convert.ToHexStringLower(SHA256.HashData(LeaseDocuments.Write(new KindRecord("", made))))[..16];
    }
}
