using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Desktops.Screens;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops;

/// <summary>Desktops: one sandbox for each resource, made anew for each lease.</summary>
internal sealed class VmKind(SandboxHost host, CaptureRoom room, TimeProvider time) : ResourceKind, IKindOfSort
{
    private readonly ConcurrentDictionary<string, (Sandbox Sandbox, DesktopScreen Screen)> _screens = new(StringComparer.Ordinal);

    public static KindSort Sort { get; } = new("vm")
    {
        TraitsOf = _ => KindTraits.Instances | KindTraits.Initialises | KindTraits.Checks,
        FaultsOf = (_, options) => FaultsOf(options),
        ConfigFaultOf = (_, config) => VmConfig.Read(config).Error,
    };

    public override IReadOnlyList<KindTool> Tools => DesktopTools.All;

    public override async ValueTask<LeaseError?> UnableAsync(KindOptions options, CancellationToken cancellationToken) =>
        await SandboxSupport.FaultOfAsync(PlanOf(options), time, cancellationToken).ConfigureAwait(false) is { } fault ? new LeaseError(503, "unavailable", "This replica can have no desktops. " + fault) : null;

    public override async ValueTask<KindResult<JsonElement?>> CreateAsync(KindResource resource, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        var (sandbox, fault) = await host.CreateAsync(resource.Resource.Instance!.Id, PlanOf(resource.Options), cancellationToken).ConfigureAwait(false);
        if (sandbox is null)
            return KindResult.Failed<JsonElement?>(new LeaseError(503, "unavailable", "The desktop could not be made. " + fault));
        try
        {
            // What is kept ready shows its program, and so the lease that gets it does not wait for that.
            if (await ScreenOfAsync(resource).ConfigureAwait(false) is { } screen)
                await SettleAsync(screen, resource.Options, null, began, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await DestroyAsync(resource, CancellationToken.None).ConfigureAwait(false);
            throw;
        }

        return KindResult.Of<JsonElement?>(Details(sandbox));
    }

    public override async ValueTask DestroyAsync(KindResource resource, CancellationToken cancellationToken)
    {
        if (resource.Resource.Instance is not { } instance)
            return;
        await host.DestroyAsync(instance.Id, cancellationToken).ConfigureAwait(false);
        if (_screens.TryRemove(instance.Id, out var shown))
            await shown.Screen.DisposeAsync().ConfigureAwait(false);
    }

    public override async ValueTask<IReadOnlySet<string>> AdoptAsync(IReadOnlyList<KindResource> known, CancellationToken cancellationToken) =>
        await host.AdoptAsync([.. known.Select(resource => resource.Resource.Instance?.Id).OfType<string>()], cancellationToken).ConfigureAwait(false);

    public override async ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken)
    {
        var (wanted, wrong) = VmConfig.Read(config);
        if (wrong is not null)
            return KindResult.Failed<JsonElement?>(wrong);
        if (Find(resource) is not { } sandbox)
            return KindResult.Failed<JsonElement?>(Gone(resource));
        var began = time.GetTimestamp();
        var size = wanted.Size ?? SizeOf(resource.Options);
        var (changed, fault) = await host.ChangeAsync(sandbox, size.Width, size.Height, wanted.Open, cancellationToken).ConfigureAwait(false);
        if (changed is null)
            return KindResult.Failed<JsonElement?>(new LeaseError(503, "unavailable", "The desktop could not be made ready. " + fault));
        // Since it was last checked it may have stopped.
        if (await ScreenOfAsync(resource).ConfigureAwait(false) is not { } screen)
            return KindResult.Failed<JsonElement?>(Gone(resource));
        if (await screen.IsAliveAsync(cancellationToken).ConfigureAwait(false) is { } dead)
            return KindResult.Failed<JsonElement?>(dead);
        await SettleAsync(screen, resource.Options, wanted.Open, began, cancellationToken).ConfigureAwait(false);
        return KindResult.Of<JsonElement?>(Details(changed));
    }

    public override async ValueTask<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        if (await ScreenOfAsync(resource).ConfigureAwait(false) is not { } screen)
            return KindResult.Failed<Observation?>(Gone(resource));
        var reading = screen.TreeAsync(cancellationToken).AsTask();
        var (png, error) = await screen.CaptureAsync(withCursor: false, cancellationToken).ConfigureAwait(false);
        var (tree, unread) = await reading.ConfigureAwait(false);
        return error is null ? KindResult.Of<Observation?>(new Observation { Screenshot = png, AccessibilityTree = unread is null ? tree : null }) : KindResult.Failed<Observation?>(error);
    }

    public override async ValueTask<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken) =>
        await ScreenOfAsync(resource).ConfigureAwait(false) is { } screen
            ? await DesktopVerbs.UseAsync(screen, call, cancellationToken).ConfigureAwait(false) ?? KindReply.Unknown(resource, call)
            : KindReply.Failed(Gone(resource));

    public override async ValueTask<LeaseError?> CheckAsync(KindResource resource, CancellationToken cancellationToken)
    {
        if (resource.Resource.Instance is not { } instance)
            return Gone(resource);
        // One that has stood and stands no more is lost; one that is being made, or about to be, is not.
        if (host.Find(instance.Id) is { IsAlive: false })
            return Gone(resource) with { Code = InstanceEnded };
        if (await ScreenOfAsync(resource).ConfigureAwait(false) is { } screen)
            return await screen.IsAliveAsync(cancellationToken).ConfigureAwait(false);
        return host.IsMaking(instance.Id) ? null : Gone(resource);
    }

    internal static SandboxPlan PlanOf(KindOptions options)
    {
        var size = SizeOf(options);
        var program = DesktopProgram.Read(options.Program) ?? throw new InvalidOperationException("The kind's program is not one.");
        return new SandboxPlan(size.Width, size.Height, program, options.Network ?? DesktopNetwork.Nat, options.Isolation ?? DesktopIsolation.Sandbox);
    }

    private static List<KindFault> FaultsOf(KindOptions options)
    {
        var faults = new List<KindFault>();
        if (options.Size is not null && VmConfig.SizeOf(options.Size) is null)
            faults.Add(new KindFault("size", VmConfig.SizeRule));
        if (DesktopProgram.Read(options.Program) is null)
            faults.Add(new KindFault("program", "program must name a program, with its arguments behind it; a quote that is opened must be closed."));
        if (options is { Isolation: DesktopIsolation.None, Network: DesktopNetwork.None })
            faults.Add(new KindFault("network", "Without isolation a desktop has this machine's network: leave network out, or isolation."));
        return faults;
    }

    private static ScreenSize SizeOf(KindOptions options) =>
        VmConfig.SizeOf(options.Size ?? VmConfig.DefaultSize) ?? throw new InvalidOperationException("The kind's size is not one.");

    /// <summary>Never longer than half of what is left of the time for the whole: a lease does not fail because its screen does not come to rest.</summary>
    private Task SettleAsync(DesktopScreen screen, KindOptions options, string? open, long began, CancellationToken cancellationToken)
    {
        // A browser paints its bars whatever it opens; of another program nobody knows whether it shows anything, unless it was given something to show.
        var isShown = open is not null || DesktopProgram.Read(options.Program) is { Blank: not null };
        return screen.SettleAsync((options.InitialiseWithin - time.GetElapsedTime(began)) / 2, isShown, cancellationToken);
    }

    private static LeaseError Gone(KindResource resource) => new(503, "unavailable", $"The desktop behind '{resource.Resource.Id}' is gone.");

    private static JsonElement Details(Sandbox sandbox) => JsonSerializer.SerializeToElement(new JsonObject { ["width"] = sandbox.Width, ["height"] = sandbox.Height });

    private Sandbox? Find(KindResource resource) => resource.Resource.Instance is { } instance && host.Find(instance.Id) is { IsAlive: true } sandbox ? sandbox : null;

    /// <summary>The screen of a desktop as it is now; one that was changed since has lost its connections.</summary>
    private async ValueTask<DesktopScreen?> ScreenOfAsync(KindResource resource)
    {
        if (Find(resource) is not { } sandbox)
            return null;
        while (true)
        {
            if (!_screens.TryGetValue(sandbox.Id, out var shown))
            {
                var made = new DesktopScreen(sandbox, room, time);
                if (_screens.TryAdd(sandbox.Id, (sandbox, made)))
                    return made;
                await made.DisposeAsync().ConfigureAwait(false);
            }
            else if (shown.Sandbox == sandbox)
            {
                return shown.Screen;
            }
            else if (_screens.TryRemove(KeyValuePair.Create(sandbox.Id, shown)))
            {
                await shown.Screen.DisposeAsync().ConfigureAwait(false);
            }
        }
    }
}
