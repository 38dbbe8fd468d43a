using Weir.Inference.Models;

namespace Weir.Server.Configuration.Binding;

/// <summary>Finds what was probably meant.</summary>
internal static class NearestName
{
    /// <summary>Null where nothing is near.</summary>
    public static string? Find(string name, IEnumerable<string> candidates) => NearNames.Of(name, candidates) is [var nearest, ..] ? nearest : null;
}
