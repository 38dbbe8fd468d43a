namespace Weir.Server.Hosting;

/// <summary>Where the server is in its life.</summary>
internal enum ServerPhase
{
    Starting,
    Ready,
    Draining,
}
