using Microsoft.AspNetCore.Http;
using Weir.Inference.Models;

namespace Weir.Server.Endpoints;

/// <summary>Models as Anthropic's clients, which say <c>anthropic-version</c> with every request, expect them.</summary>
internal static class AnthropicModels
{
    public static bool AreAskedFor(HttpRequest request) => request.Headers.ContainsKey("anthropic-version");

    /// <summary>All of them on one page.</summary>
    public static object List(IReadOnlyList<ModelEntry> entries) =>
        new Page([.. entries.Select(View)], HasMore: false, entries.Count > 0 ? entries[0].Id : null, entries.Count > 0 ? entries[^1].Id : null);

    public static object Of(ModelEntry entry) => View(entry);

    private static Model View(ModelEntry entry) => new("model", entry.Id, entry.Id, DateTimeOffset.UnixEpoch.UtcDateTime);

    private sealed record Page(IReadOnlyList<Model> Data, bool HasMore, string? FirstId, string? LastId);

    // When a model was made is not known here: Anthropic's API then says the epoch.
    private sealed record Model(string Type, string Id, string DisplayName, DateTime CreatedAt);
}
