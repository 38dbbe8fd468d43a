using System.Reflection;

namespace Weir.Server.Observability;

internal static class WeirVersion
{
    /// <summary>Of this build, as <c>0.1.0</c>.</summary>
    public static readonly string Text =
        typeof(WeirVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";
}
