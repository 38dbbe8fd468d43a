namespace Weir.Server.Configuration.Reading;

/// <summary>How settings are named in faults: <c>routes.fast.deployments[0].model</c>.</summary>
internal static class SettingPath
{
    public static string Member(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    public static string Item(string path, int index) => $"{path}[{index}]";
}
