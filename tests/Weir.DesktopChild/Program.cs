// Makes desktops and stands until it is killed: "FOLDER GUARD_SECONDS NAME…"; says on standard output which stand.
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Leases.Desktops;
using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Kinds;

var options = new SandboxOptions { Folder = args[0], GuardWait = TimeSpan.FromSeconds(int.Parse(args[1], CultureInfo.InvariantCulture)) };
using var host = new SandboxHost(options, TimeProvider.System, NullLogger<SandboxHost>.Instance);
var plan = new SandboxPlan(640, 480, DesktopProgram.Read("xterm")!, DesktopNetwork.Nat, DesktopIsolation.Sandbox);
foreach (var name in args[2..])
{
    var (_, fault) = await host.CreateAsync(name, plan, CancellationToken.None);
    Console.WriteLine(fault ?? "stands");
}

Console.WriteLine("done");
await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System);
