using System.Globalization;
using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration.Validation;

/// <summary>Where shared state lives.</summary>
internal sealed class StateValidator : IConfigurationValidator
{
    private const string Path = "state";
    private const string Remedy = "Write \"sqlite\", \"memory\" or \"redis://host:6379/0\"";

    public void Validate(WeirOptions options, FaultList faults)
    {
        if (options.State is "sqlite" or "memory")
        {
            return;
        }

        if (!Uri.TryCreate(options.State, UriKind.Absolute, out var uri) || uri.Scheme is not ("redis" or "rediss") || uri.Host.Length == 0)
        {
            faults.Add(Path, "is no store that Weir knows", Remedy);
        }
        else if (uri.UserInfo.Length > 0)
        {
            faults.Add(Path, "must not hold a password", "Remove what stands before '@' and set WEIR_REDIS_PASSWORD");
        }
        else if (uri.AbsolutePath.Trim('/') is { Length: > 0 } database && !int.TryParse(database, NumberStyles.None, CultureInfo.InvariantCulture, out _))
        {
            faults.Add(Path, "names a database that is not a number", Remedy);
        }
        else if (uri.Query.Length > 0 || uri.Fragment.Length > 0)
        {
            faults.Add(Path, "has more than a host, a port and a database", Remedy);
        }
    }
}
