namespace Weir.Server.Configuration;

/// <summary>One thing that is wrong with a configuration. Never holds the value of a secret, nor what a variable expanded to.</summary>
/// <param name="Where">The place it was written: <c>weir.json:12:5</c>, <c>WEIR__SERVER__URL</c>, <c>--server.url</c>; the file's name where it has no place.</param>
/// <param name="Path">The setting, such as <c>routes.fast.deployments[0].model</c>; empty where the fault is not about one.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="Remedy">How to mend it.</param>
public sealed record Fault(string Where, string Path, string Message, string Remedy)
{
    public override string ToString()
    {
        var about = Path.Length == 0 ? "" : $"{Path}: ";
        var end = Remedy.EndsWith('?') ? "" : ".";
        return $"{Where}: {about}{Message}. {Remedy}{end}";
    }
}
