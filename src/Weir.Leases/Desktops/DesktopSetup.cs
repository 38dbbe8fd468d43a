using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Desktops.Screens;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops;

/// <summary>Registers desktops.</summary>
public static class DesktopSetup
{
    // For tests: how long desktops outlive this program, in seconds.
    private const string GuardWait = "WEIR_DESKTOP_GUARD_SECONDS";

    /// <summary>Adds the kind <c>vm</c>. Needs <see cref="IFleetView"/> and a <see cref="TimeProvider"/>.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="dataFolder">The data folder; desktops are kept in <c>desktops</c> below it.</param>
    public static IServiceCollection AddDesktops(this IServiceCollection services, string dataFolder)
    {
        var options = new SandboxOptions { Folder = Path.Combine(dataFolder, "desktops") };
        if (int.TryParse(Environment.GetEnvironmentVariable(GuardWait), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            options = options with { GuardWait = TimeSpan.FromSeconds(seconds) };
        services.AddSingleton(options);
        services.AddSingleton<SandboxHost>();
        services.AddSingleton<CaptureRoom>();
        services.AddResourceKind<VmKind>();
        services.AddHostedService<DesktopDeparture>();
        return services;
    }

    /// <summary>The Debian packages that desktops of a kind lack on this machine.</summary>
    public static IReadOnlyList<string> MissingPackages(KindOptions options) =>
        DesktopProgram.Read(options.Program) is null || VmConfig.SizeOf(options.Size ?? VmConfig.DefaultSize) is null ? [] : SandboxSupport.MissingPackages(VmKind.PlanOf(options));
}

/// <summary>When this program ends: desktops that nobody holds end with it; those of live leases are left for it to take over when it is back.</summary>
internal sealed partial class DesktopDeparture(SandboxHost host, IFleetView fleet, ILogger<DesktopDeparture> logger) : IHostedService
{
    private readonly ILogger _logger = logger;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        // What has not been read is not known to be free.
        var isKnown = fleet.IsKnown;
        var held = Held();
        try
        {
            await host.LeaveAsync(instance => !isKnown || held.Contains(instance)).WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or TimeoutException or OperationCanceledException)
        {
            LogLeft(e);
        }
    }

    private HashSet<string> Held()
    {
        var held = new HashSet<string>(StringComparer.Ordinal);
        foreach (var lease in fleet.Leases.Select(lease => lease.Value).Where(lease => !lease.HasEnded))
        {
            foreach (var holding in lease.Holdings)
            {
                if ((holding.Instance ?? fleet.Resource(holding.Resource)?.Value.Instance) is { } instance)
                    held.Add(instance.Id);
            }
        }

        return held;
    }

    [LoggerMessage(EventName = "DesktopsLeft", Level = LogLevel.Warning, Message = "Not every desktop could be ended; the guard ends what is left.")]
    private partial void LogLeft(Exception exception);
}
