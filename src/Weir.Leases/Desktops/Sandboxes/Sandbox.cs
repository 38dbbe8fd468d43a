using System.Globalization;
using System.Text.Json.Nodes;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>A desktop that stands, as it was at one moment: after a change of its screen it is another object.</summary>
internal sealed class Sandbox : IDesktop, IDisposable
{
    private const int MostFault = 2_000;
    private const int MostInput = 16 << 20;

    private readonly InnerFile _display;
    private readonly InnerFile _calls;

    private Sandbox(string id, SandboxFacts facts, InnerFile display, InnerFile calls)
    {
        (Id, Facts, _display, _calls) = (id, facts, display, calls);
        Cookie = Convert.FromHexString(facts.Cookie);
    }

    public string Id { get; }

    public SandboxFacts Facts { get; }

    public string DisplaySocket => _display.Path;

    public ReadOnlyMemory<byte> Cookie { get; }

    public int Width => Facts.Width;

    public int Height => Facts.Height;

    public bool IsAlive => Facts.IsAlive;

    /// <summary>Finds the sockets of a desktop.</summary>
    /// <returns>Null: it does not stand, or not whole.</returns>
    public static Sandbox? Open(string id, SandboxFacts facts)
    {
        if (facts.Display < 0 || !facts.IsAlive)
            return null;
        var root = facts.Isolation == DesktopIsolation.Sandbox ? string.Create(CultureInfo.InvariantCulture, $"/proc/{facts.First.Pid}/root") : "/";
        var display = InnerFile.Open(root, string.Create(CultureInfo.InvariantCulture, $"/tmp/.X11-unix/X{facts.Display}"));
        var calls = InnerFile.Open(root, SandboxCommand.RunFolderOf(id, facts.Isolation) + "/calls");
        // The number may have gone to another process before its folder was opened.
        if (display is not null && calls is not null && facts.IsAlive)
            return new Sandbox(id, facts, display, calls);
        display?.Dispose();
        calls?.Dispose();
        return null;
    }

    public async ValueTask<DesktopRun> RunAsync(IReadOnlyList<string> command, ReadOnlyMemory<byte> stdin, int mostOutput, CancellationToken cancellationToken)
    {
        if (stdin.Length > MostInput)
            return new DesktopRun(null, default, $"More than {MostInput >> 20} MB of input.");
        var request = new JsonObject
        {
            ["call"] = "run", ["command"] = new JsonArray([.. command.Select(word => (JsonNode)word)]), ["most"] = mostOutput,
        };
        try
        {
            var (head, body) = await DesktopCall.AskAsync(_calls.Path, request, stdin, mostOutput, cancellationToken).ConfigureAwait(false);
            return new DesktopRun((int?)head["exit"], body, FaultOf(head));
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or FormatException)
        {
            return new DesktopRun(null, default, e.Message);
        }
    }

    public async ValueTask<DesktopWork?> WorkAsync(CancellationToken cancellationToken)
    {
        try
        {
            var (head, _) = await DesktopCall.AskAsync(_calls.Path, new JsonObject { ["call"] = "work" }, default, 0, cancellationToken).ConfigureAwait(false);
            return (int?)head["start"] is { } start && (bool?)head["busy"] is { } busy ? new DesktopWork(start, busy) : null;
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>Gives it a screen of another size, or another thing to open; programs begin anew. Nothing is done where both are as they were.</summary>
    /// <returns>The X server's number, or why it is none.</returns>
    public async Task<(int Display, string? Fault)> ChangeAsync(int width, int height, string? open, CancellationToken cancellationToken)
    {
        var request = new JsonObject { ["call"] = "change", ["width"] = width, ["height"] = height, ["open"] = open };
        try
        {
            var (head, _) = await DesktopCall.AskAsync(_calls.Path, request, default, 0, cancellationToken).ConfigureAwait(false);
            return (int?)head["display"] is { } display and >= 0 ? (display, null) : (-1, FaultOf(head) ?? "The desktop has no screen.");
        }
        catch (Exception e) when (e is IOException or InvalidOperationException or FormatException)
        {
            return (-1, e.Message);
        }
    }

    /// <summary>Lets go of its sockets; the desktop stands.</summary>
    public void Dispose()
    {
        _display.Dispose();
        _calls.Dispose();
    }

    private static string? FaultOf(JsonObject head) => (string?)head["fault"] is { Length: > 0 } fault ? fault[..Math.Min(fault.Length, MostFault)] : null;
}
