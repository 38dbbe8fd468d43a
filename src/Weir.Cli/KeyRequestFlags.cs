using System.CommandLine;
using System.Globalization;
using Weir.Server.Keys;

namespace Weir.Cli;

/// <summary>The flags of <c>weir keys create</c>: one for each field of a key.</summary>
internal sealed class KeyRequestFlags
{
    private readonly Option<string?> _name = new("--name") { Description = "A name for people" };
    private readonly Option<string[]> _roles = Many("--role", "app, worker, node or admin; may be repeated. Default: app");
    private readonly Option<string?> _tenant = new("--tenant") { Description = "Whom what the key makes belongs to. Default: the key itself" };
    private readonly Option<string?> _expires = new("--expires") { Description = "A time such as 2027-01-31T00:00:00Z, or from now: 90d, 12h. Default: never" };
    private readonly Option<int?> _requests = new("--requests-per-minute") { Description = "Requests in any minute" };
    private readonly Option<int?> _tokens = new("--tokens-per-minute") { Description = "Tokens in any minute, input and output" };
    private readonly Option<int?> _inFlight = new("--max-in-flight") { Description = "Requests at once" };
    private readonly Option<string?> _spend = new("--spend") { Description = "What it may spend, such as 10/day or 200/month" };
    private readonly Option<int?> _priority = new("--max-priority") { Description = "The highest priority it may use, 0 to 9. Default: 9" };
    private readonly Option<string[]> _routes = Many("--route", "A model name it may use, * at the end matching any rest; may be repeated. Default: all");
    private readonly Option<string[]> _kinds = Many("--kind", "A kind it may lease; may be repeated. Default: all");

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _name, _roles, _tenant, _expires, _requests, _tokens, _inFlight, _spend, _priority, _routes, _kinds })
            command.Options.Add(option);
    }

    /// <summary>Null when something is wrong; <paramref name="wrong"/> says what.</summary>
    public KeyRequest? Read(ParseResult parsed, DateTimeOffset now, out string? wrong)
    {
        wrong = null;
        DateTimeOffset? expires = null;
        if (parsed.GetValue(_expires) is { } text && (expires = Time(text, now)) is null)
        {
            wrong = "--expires takes a time such as 2027-01-31T00:00:00Z, or a span from now such as 90d or 12h.";
            return null;
        }

        SpendLimit? spend = null;
        if (parsed.GetValue(_spend) is { } bound)
        {
            var parts = bound.Split('/');
            if (parts.Length != 2 || !decimal.TryParse(parts[0], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var most))
            {
                wrong = "--spend takes an amount and a period, such as 10/day or 200/month.";
                return null;
            }

            spend = new SpendLimit(parts[1], most);
        }

        var request = new KeyRequest
        {
            Name = parsed.GetValue(_name),
            Roles = Given(parsed.GetValue(_roles)),
            Tenant = parsed.GetValue(_tenant),
            Expires = expires,
            RequestsPerMinute = parsed.GetValue(_requests),
            TokensPerMinute = parsed.GetValue(_tokens),
            MaxInFlight = parsed.GetValue(_inFlight),
            Spend = spend,
            MaxPriority = parsed.GetValue(_priority),
            Routes = Given(parsed.GetValue(_routes)),
            Kinds = Given(parsed.GetValue(_kinds)),
        };
        // The same rules as the endpoint's: a key made straight in the store is no other key.
        wrong = request.Fault(now)?.Message;
        return wrong is null ? request : null;
    }

    private static DateTimeOffset? Time(string text, DateTimeOffset now)
    {
        if (text.Length > 1 && text[^1] is 'd' or 'h' && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count <= 100_000)
            return now + (text[^1] == 'd' ? TimeSpan.FromDays(count) : TimeSpan.FromHours(count));

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at.ToUniversalTime() : null;
    }

    private static string[]? Given(string[]? values) => values is { Length: > 0 } ? values : null;

    private static Option<string[]> Many(string name, string description) => new(name) { Description = description };
}
