namespace Weir.Retrieval.Catalogs;

/// <summary>The catalogs of the configuration.</summary>
public interface IConfiguredCatalogs
{
    /// <summary>Makes those that are not there yet, in the background; the others stay as they are stored.</summary>
    void Apply(IReadOnlyDictionary<string, CatalogOptions> catalogs);

    /// <summary>Those that could not be made, by name, and why.</summary>
    IReadOnlyDictionary<string, string> Faults { get; }
}
