using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>
/// Makes one sandbox, in this order: its folder; its walls, in which a first program waits for its settings and ends if they do not come; what is known of its
/// processes, written down; its network, once the walls stand; its settings. Whenever this process dies, either nothing stands or what stands is written down.
/// </summary>
/// <param name="folder">Where it is written down.</param>
/// <param name="options">How long it may take.</param>
/// <param name="time">The clock of that.</param>
/// <param name="attach">What its network is made by. Null: <see cref="SandboxNetwork"/>.</param>
internal sealed class SandboxStart(SandboxFolder folder, SandboxOptions options, TimeProvider time, NetworkAttachment? attach = null)
{
    private static readonly TimeSpan WallsWithin = TimeSpan.FromSeconds(15);

    private readonly NetworkAttachment _attach = attach ?? SandboxNetwork.AttachAsync;

    /// <returns>The desktop, or why there is none; then nothing of it is left.</returns>
    public async Task<(Sandbox? Sandbox, string? Fault)> StartAsync(string instance, SandboxPlan plan, CancellationToken cancellationToken)
    {
        var user = OuterUser.Of(instance);
        if (user < 0)
            return (null, "This program is root, and there is no user id here that desktops could have instead: run it as another user, or with more user ids.");
        SandboxFacts? facts = null;
        ScriptProcess? walls = null;
        try
        {
            using var late = new CancellationTokenSource(options.StartWithin, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
            walls = ScriptProcess.Start(Script.Launch, folder.Make(instance), CommandOf(plan, user));
            if (await FirstAsync(walls, plan.Isolation, either.Token).ConfigureAwait(false) is not { } first)
                return await FailedAsync(instance, facts, walls, "The sandbox was not made").ConfigureAwait(false);
            facts = new SandboxFacts
            {
                Boot = SandboxFacts.CurrentBoot(), First = first, Isolation = plan.Isolation, Width = plan.Width, Height = plan.Height, Cookie = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)),
            };
            folder.Write(instance, facts);
            // The walls set the loopback up while they are made, and fall where they find that the network has done it already.
            if (await walls.LineAsync(either.Token).ConfigureAwait(false) is not { } runs || Number(runs, "runs") is null)
                return await FailedAsync(instance, facts, walls, "The sandbox was not made").ConfigureAwait(false);
            if (plan is { Isolation: DesktopIsolation.Sandbox, Network: DesktopNetwork.Nat })
            {
                var (network, fault) = await _attach(folder.Of(instance), first, either.Token).ConfigureAwait(false);
                if (network is null)
                    return await FailedAsync(instance, facts, walls, fault!).ConfigureAwait(false);
                facts = facts with { Network = network };
                folder.Write(instance, facts);
            }

            if (plan.Isolation == DesktopIsolation.None)
                MakeSocketFolder();
            await walls.Input.WriteAsync((SandboxCommand.Settings(instance, plan, facts.Cookie, Guid.NewGuid().ToString("N")) + "\n").AsMemory(), either.Token).ConfigureAwait(false);
            await walls.Input.FlushAsync(either.Token).ConfigureAwait(false);
            walls.Input.Close();
            if (await walls.LineAsync(either.Token).ConfigureAwait(false) is not { } line)
                return await FailedAsync(instance, facts, walls, "The desktop ended while it began").ConfigureAwait(false);
            if (Display(line) is not { } display)
                return await FailedAsync(instance, facts, walls, Fault(line)).ConfigureAwait(false);
            facts = facts with { Display = display };
            folder.Write(instance, facts);
            return Sandbox.Open(instance, facts) is { } sandbox
                ? (sandbox, null)
                : await FailedAsync(instance, facts, walls, "The desktop's X server cannot be reached").ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return await FailedAsync(instance, facts, walls, $"The desktop was not ready within {options.StartWithin.TotalSeconds:0} s").ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or System.ComponentModel.Win32Exception)
        {
            return await FailedAsync(instance, facts, walls, e.Message).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await FailedAsync(instance, facts, walls, "").ConfigureAwait(false);
            throw;
        }
        finally
        {
            walls?.Dispose();
        }
    }

    private IReadOnlyList<string> CommandOf(SandboxPlan plan, int? user) => plan.Isolation == DesktopIsolation.Sandbox
        ? SandboxCommand.Sandboxed(user, HiddenFolders.Of(Path.GetDirectoryName(folder.Path)!), OptFolder.Of(plan.Program.Command[0]))
        : SandboxCommand.Bare(user);

    /// <summary>The process with which all of the sandbox ends.</summary>
    private async Task<ProcessIdentity?> FirstAsync(ScriptProcess walls, DesktopIsolation isolation, CancellationToken cancellationToken)
    {
        // Every program on the way to the first one of a bare desktop takes the place of the one before, and keeps its number.
        if (isolation == DesktopIsolation.None)
            return ProcessIdentity.Of(walls.Pid);
        using var late = new CancellationTokenSource(WallsWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        return await walls.LineAsync(either.Token).ConfigureAwait(false) is { } line && Number(line, "child-pid") is { } pid ? ProcessIdentity.Of(pid) : null;
    }

    private async Task<(Sandbox?, string)> FailedAsync(string instance, SandboxFacts? facts, ScriptProcess? walls, string fault)
    {
        var errors = Errors(instance);
        if (facts is not null)
        {
            await SandboxEnd.EndAsync(facts, instance, time).ConfigureAwait(false);
        }
        else if (walls is not null)
        {
            // The walls end by themselves when their input does, if they stand at all; nothing inside has begun. Until then they may write to the folder.
            walls.Input.Close();
            using var late = new CancellationTokenSource(WallsWithin, time);
            await ((Task)walls.ExitAsync(late.Token)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        folder.Remove(instance);
        return (null, errors.Length == 0 ? fault.TrimEnd('.') + "." : $"{fault.TrimEnd('.')}: {errors}");
    }

    /// <summary>What the walls said of their trouble.</summary>
    private string Errors(string instance)
    {
        const int Longest = 1_000;
        var file = Path.Combine(folder.Of(instance), "errors");
        var text = File.Exists(file) ? File.ReadAllText(file).Trim() : "";
        return text.Length > Longest ? text[^Longest..] : text;
    }

    /// <summary>An X server that is not root's does not make it.</summary>
    private static void MakeSocketFolder()
    {
        const string Path = "/tmp/.X11-unix";
        if (!OperatingSystem.IsWindows() && !Directory.Exists(Path))
        {
            Directory.CreateDirectory(Path);
            File.SetUnixFileMode(Path, (UnixFileMode)Convert.ToInt32("1777", 8));
        }
    }

    private static int? Display(string line) => Number(line, "display") is { } display and >= 0 and < 65536 ? display : null;

    private static int? Number(string line, string name)
    {
        try
        {
            return JsonNode.Parse(line) is JsonObject said ? (int?)said[name] : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    private static string Fault(string line)
    {
        try
        {
            return JsonNode.Parse(line) is JsonObject said && (string?)said["fault"] is { } fault ? fault : "The desktop did not begin";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return "The desktop did not begin";
        }
    }
}
