using Weir.Leases.Kinds;

namespace Weir.Leases.Desktops.Sandboxes;

/// <summary>What a desktop is to be.</summary>
/// <param name="Width">In pixels.</param>
/// <param name="Height">In pixels.</param>
/// <param name="Program">What it starts with.</param>
/// <param name="Network">What its programs reach; of a desktop without isolation, what the machine reaches.</param>
/// <param name="Isolation">What keeps its programs from the machine.</param>
internal sealed record SandboxPlan(int Width, int Height, DesktopProgram Program, DesktopNetwork Network, DesktopIsolation Isolation);
