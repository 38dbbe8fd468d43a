using System.Text.Json;
using Weir.Leases;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Kinds;

/// <summary>A folder for each lease to work in, empty at its beginning.</summary>
public sealed class ScratchFolderKind : ResourceKind, IKindOfSort
{
    public static KindSort Sort { get; } = new("scratch")
    {
        // Weir empties a folder after each lease, and looks every ten seconds whether it is there.
        TraitsOf = _ => KindTraits.Resets | KindTraits.Checks,
        FaultsOf = (_, options) => options.Settings.TryGetValue("path", out var path) && Path.IsPathFullyQualified(path)
            ? []
            : [new KindFault("settings.path", "must be a full path: the folders are made below it.")],
    };

    public override ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken) =>
        ValueTask.FromResult(KindResult.Of<JsonElement?>(JsonSerializer.SerializeToElement(new { folder = FolderOf(resource) })));

    public override ValueTask<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken) =>
        ValueTask.FromResult(KindResult.Of<Observation?>(new Observation { Text = $"The folder {FolderOf(resource)} is yours, and empty." }));

    public override ValueTask<LeaseError?> ResetAsync(KindResource resource, CancellationToken cancellationToken)
    {
        var folder = FolderOf(resource);
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        return ValueTask.FromResult<LeaseError?>(null);
    }

    public override ValueTask<LeaseError?> CheckAsync(KindResource resource, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Directory.Exists(FolderOf(resource)) ? null : new LeaseError(503, "folder_missing", "The folder is gone."));

    private static string FolderOf(KindResource resource) => Path.Combine(resource.Options.Settings["path"], resource.Resource.Slot);
}
