using System.Text.Json;
using ModelContextProtocol.Protocol;
using Weir.Leases.Broker;
using Weir.Leases.Kinds;
using Weir.Server.Hosting;
using Weir.Server.Mcp.Tools;

namespace Weir.Server.Mcp.Lifecycle;

/// <summary><c>get_batch_initial_observations</c>: what each resource shows, screens as images.</summary>
internal sealed class ObservationsTool(HoldingChoice holdings, ILeaseBroker broker) : McpTool
{
    public override Tool Definition { get; } = Define(
        "get_batch_initial_observations",
        "Observe resources",
        "What each resource of the worker shows now, by kind: text, accessibility_tree, and its screen as an image of this result, whose place in 'content' screenshot.content_index tells. "
        + "Kinds without anything to show are null.",
        $$"""
        { "type": "object", "additionalProperties": false, "required": ["worker_id"], "properties": {
            "worker_id": {{LifecycleSchemas.WorkerId}},
            "lease_id": {{LifecycleSchemas.LeaseId}} } }
        """,
        ToolHints.Lifecycle | ToolHints.ReadOnly | ToolHints.Idempotent);

    public override async Task<CallToolResult> CallAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        var (held, none) = await holdings.AllAsync(call, cancellationToken);
        if (none is not null) return McpResults.Failed(none);
        var leases = held.Select(one => one.Lease.Value.Id).Distinct(StringComparer.Ordinal).ToList();
        var observed = await Task.WhenAll(leases.Select(async id => (Id: id, Seen: await broker.ObserveAsync(call.Asker, id, cancellationToken))));
        var byLease = observed.ToDictionary(one => one.Id, one => one.Seen, StringComparer.Ordinal);

        var map = new OrderedDictionary<string, ResourceView?>(StringComparer.Ordinal);
        var images = new List<ContentBlock>();
        var failed = false;
        foreach (var one in held)
        {
            var seen = byLease[one.Lease.Value.Id];
            // A kind that the worker holds twice is told of by the resources' ids.
            var name = held.Count(other => other.Holding.AskedAs == one.Holding.AskedAs) > 1 ? one.Holding.Resource : one.Holding.AskedAs;
            var result = seen.Error is { } whole ? KindResult.Failed<Observation?>(whole) : seen.ByResource.GetValueOrDefault(one.Holding.Resource);
            failed |= result.Error is not null;
            map[name] = ViewOf(result, images);
        }

        var json = JsonSerializer.SerializeToElement(map, WireJson.Options);
        return new CallToolResult { Content = [new TextContentBlock { Text = json.GetRawText() }, .. images], StructuredContent = json, IsError = failed ? true : null };
    }

    // A tree that is too deep for a message is told as text.
    private static JsonElement? TreeOf(JsonElement? tree) =>
        tree is { } deep && !McpResults.IsShallow(deep) ? JsonSerializer.SerializeToElement(deep.GetRawText()) : tree;

    private static ResourceView? ViewOf(KindResult<Observation?> result, List<ContentBlock> images)
    {
        if (result.Error is { } error) return new ResourceView { Error = McpResults.SentenceOf(error) };
        if (result.Value is not { } seen) return null;
        ScreenPlace? place = null;
        if (seen.Screenshot is { } screen)
        {
            images.Add(McpResults.Image(screen, "image/png"));
            // The text comes first.
            place = new ScreenPlace("image/png", images.Count);
        }

        return new ResourceView { Text = seen.Text, AccessibilityTree = TreeOf(seen.AccessibilityTree), Screenshot = place };
    }

    private sealed record ResourceView
    {
        public string? Text { get; init; }

        public JsonElement? AccessibilityTree { get; init; }

        public ScreenPlace? Screenshot { get; init; }

        public string? Error { get; init; }
    }

    private sealed record ScreenPlace(string MimeType, int ContentIndex);
}
