using System.Globalization;
using System.Text.Json;
using Weir.Leases.Kinds;
using Weir.State.Texts;

namespace Weir.Leases.Desktops.Accessibility;

/// <summary>
/// Reads what the programs of a desktop tell assistive technology of themselves. Debian's python3-pyatspi does it inside the desktop, so that nothing out here
/// speaks to programs in there; what it writes is not trusted, only bounded and parsed.
/// </summary>
/// <remarks>
/// The answer is <c>{"tree": node | null, "nodes": n, "truncated": bool, "note"?: text}</c>; a node is
/// <c>{role, name, description?, value?, states, bounds: {x, y, width, height}?, actions?, children}</c>.
/// </remarks>
internal sealed class AccessibilityTree(IDesktop desktop, TimeProvider time)
{
    public const int MostNodes = 2_000;

    /// <summary>Containers that say nothing are left out with their level; and so deep, what a node takes of levels fits into <see cref="KindLevels.Tree"/>.</summary>
    public const int MostDepth = 28;

    /// <summary>In bytes of JSON.</summary>
    public const int MostBytes = 2 << 20;

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    /// <summary>Starting Python and ending it; what is read by then is answered.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromSeconds(5);

    private static readonly byte[] Script = Load();

    public async Task<KindResult<JsonElement>> ReadAsync(CancellationToken cancellationToken)
    {
        using var late = new CancellationTokenSource(Longest + Slack, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        DesktopRun run;
        try
        {
            string[] command =
            [
                "/usr/bin/python3", "-", .. new[] { MostNodes, MostDepth, MostBytes - (64 << 10), (int)Longest.TotalMilliseconds }.Select(bound => bound.ToString(CultureInfo.InvariantCulture)),
            ];
            run = await desktop.RunAsync(command, Script, MostBytes, either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return KindResult.Of(None($"The programs of the desktop have not told within {(Longest + Slack).TotalSeconds:0} s what they show."));
        }

        if (run.ExitCode is 126 or 127)
            return KindResult.Of(None("The desktop has no Python to read it with: install python3-pyatspi and at-spi2-core."));
        return KindResult.Of(run.ExitCode == 0 && Read(run.Output) is { } tree ? tree : None($"What the programs of the desktop show could not be read: {run.Fault ?? "it made no sense"}."));
    }

    /// <returns>Null: it is nothing that the script writes.</returns>
    internal static JsonElement? Read(ReadOnlyMemory<byte> output)
    {
        if (output.Length > MostBytes)
            return null;
        return ForeignJson.Read(output.Span, KindLevels.Tree) is { Value: { ValueKind: JsonValueKind.Object } root }
            && root.TryGetProperty("tree", out var tree) && tree.ValueKind is JsonValueKind.Object or JsonValueKind.Null
            && root.TryGetProperty("truncated", out var truncated) && truncated.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? root
            : null;
    }

    private static JsonElement None(string note) => JsonSerializer.SerializeToElement(new TreeAnswer(null, 0, false, note), TreeJson.Default.TreeAnswer);

    private static byte[] Load()
    {
        using var stream = typeof(AccessibilityTree).Assembly.GetManifestResourceStream("accessibility.py")!;
        var script = new byte[stream.Length];
        stream.ReadExactly(script);
        return script;
    }
}

internal sealed record TreeAnswer(JsonElement? Tree, int Nodes, bool Truncated, string Note);

[System.Text.Json.Serialization.JsonSourceGenerationOptions(PropertyNamingPolicy = System.Text.Json.Serialization.JsonKnownNamingPolicy.SnakeCaseLower)]
[System.Text.Json.Serialization.JsonSerializable(typeof(TreeAnswer))]
internal sealed partial class TreeJson : System.Text.Json.Serialization.JsonSerializerContext
{
}
