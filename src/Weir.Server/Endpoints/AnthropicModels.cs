using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using Weir.Inference.Models;

namespace Weir.Server.Endpoints;

/// <summary>The list of models as Anthropic's clients read it. They are known by the version that each of their requests names.</summary>
internal static class AnthropicModels
{
    public static bool AreWanted(HttpRequest request) => request.Headers.ContainsKey("anthropic-version");

    public static Model View(ModelEntry entry) => new(entry.Id, entry.Id);

    // All of them at once: no page is left to ask for.
    public static Page View(IReadOnlyList<ModelEntry> entries) =>
        new([.. entries.Select(View)], entries.Count == 0 ? null : entries[0].Id, entries.Count == 0 ? null : entries[^1].Id);

    internal sealed record Page(IReadOnlyList<Model> Data, string? FirstId, string? LastId)
    {
        public bool HasMore { get; }
    }

    internal sealed record Model(string Id, string DisplayName)
    {
        public string Type { get; } = "model";

        // Anthropic's stand-in for a day that is not known.
        public DateTimeOffset CreatedAt { get; } = DateTimeOffset.UnixEpoch;

        public string Lifecycle { get; } = "active";

        // The rest is not known here, and official clients demand that it is said.
        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public object? Capabilities { get; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public string? Line { get; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public long? MaxInputTokens { get; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public long? MaxTokens { get; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public DateTimeOffset? DeprecatedAt { get; }

        [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
        public DateTimeOffset? RetiresAt { get; }
    }
}
