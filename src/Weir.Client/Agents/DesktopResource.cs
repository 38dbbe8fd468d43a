using System.Text.Json;
using System.Text.Json.Nodes;

namespace Weir.Client;

/// <summary>A desktop: what it shows, and what can be done with it. Coordinates are whole pixels from the upper left corner.</summary>
public sealed class DesktopResource : AgentResource
{
    private const int LargestPicture = 64 * 1024 * 1024;

    internal DesktopResource(WeirClient client, LeasedResource resource)
        : base(client, resource)
    {
    }

    /// <summary>The screen, as a PNG.</summary>
    /// <param name="cursor">Whether the pointer is drawn.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task<byte[]> ScreenshotAsync(bool cursor = false, CancellationToken cancellationToken = default) =>
        AskForBytesAsync("screenshot", cursor ? new JsonObject { ["cursor"] = true } : null, "image/png", LargestPicture, cancellationToken);

    /// <summary>What programs tell of themselves: <c>{tree, nodes, truncated, note?}</c>; the tree is null where they tell nothing.</summary>
    public Task<JsonElement> AccessibilityTreeAsync(CancellationToken cancellationToken = default) => AskAsync(HttpMethod.Get, "accessibility_tree", null, cancellationToken);

    /// <summary>Does actions one after the other, each <c>{"type": "click", "x": 10, "y": 20}</c> or another of docs/desktop-actions.md. All are checked before the first is done.</summary>
    /// <returns>How many were done: all.</returns>
    /// <exception cref="WeirException">One is wrong, or failed; it says how many were done before it. Where the connection fails, any number may have been.</exception>
    public async Task<int> ActAsync(IEnumerable<JsonObject> actions, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(actions);
        var answer = await SendAsync(HttpMethod.Post, "actions", new JsonArray([.. actions.Select(action => action.DeepClone())]), cancellationToken).ConfigureAwait(false);
        return answer.ValueKind is JsonValueKind.Object && answer.TryGetProperty("done", out var done) && done.TryGetInt32(out var count)
            ? count
            : throw new WeirException("The answer is not what Weir would say: it does not tell how many actions were done.") { Code = "invalid_answer" };
    }

    /// <param name="x">Pixels from the left.</param>
    /// <param name="y">Pixels from above.</param>
    /// <param name="button"><c>left</c>, <c>middle</c> or <c>right</c>.</param>
    /// <param name="clicks">1 to 10; 2 is a double click.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task ClickAsync(int x, int y, string button = "left", int clicks = 1, CancellationToken cancellationToken = default) =>
        ActAsync([new() { ["type"] = "click", ["x"] = x, ["y"] = y, ["button"] = button, ["clicks"] = clicks }], cancellationToken);

    /// <summary>Moves the pointer.</summary>
    public Task MoveAsync(int x, int y, CancellationToken cancellationToken = default) => ActAsync([new() { ["type"] = "move", ["x"] = x, ["y"] = y }], cancellationToken);

    /// <summary>Types a text as it is, in any script, at most 10,000 characters.</summary>
    public Task TypeAsync(string text, CancellationToken cancellationToken = default) => ActAsync([new() { ["type"] = "type", ["text"] = text }], cancellationToken);

    /// <summary>Presses and releases a key: one character, or a name such as <c>enter</c>, <c>esc</c>, <c>f5</c>.</summary>
    public Task PressAsync(string key, CancellationToken cancellationToken = default) => ActAsync([new() { ["type"] = "press", ["key"] = key }], cancellationToken);

    /// <summary>Presses keys together, such as <c>ctrl</c> and <c>c</c>.</summary>
    public Task HotkeyAsync(IEnumerable<string> keys, CancellationToken cancellationToken = default) =>
        ActAsync([new() { ["type"] = "hotkey", ["keys"] = new JsonArray([.. keys.Select(key => (JsonNode)key)]) }], cancellationToken);

    /// <summary>Turns the wheel where the pointer is, up where <paramref name="clicks"/> is above 0.</summary>
    public Task ScrollAsync(int clicks, CancellationToken cancellationToken = default) => ActAsync([new() { ["type"] = "scroll", ["clicks"] = clicks }], cancellationToken);

    /// <summary>Drags from where the pointer is to a point.</summary>
    /// <param name="x">Pixels from the left.</param>
    /// <param name="y">Pixels from above.</param>
    /// <param name="button"><c>left</c>, <c>middle</c> or <c>right</c>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task DragAsync(int x, int y, string button = "left", CancellationToken cancellationToken = default) =>
        ActAsync([new() { ["type"] = "drag", ["x"] = x, ["y"] = y, ["button"] = button }], cancellationToken);
}
