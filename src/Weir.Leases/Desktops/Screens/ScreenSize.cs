namespace Weir.Leases.Desktops.Screens;

/// <summary>In pixels.</summary>
internal readonly record struct ScreenSize(int Width, int Height)
{
    public override string ToString() => $"{Width}x{Height}";
}
