using System.Globalization;
using System.Net.Http.Headers;

namespace Weir.Inference.Attempts;

/// <summary>
/// Reads what a provider says of its rate limits: <c>x-ratelimit-{limit,remaining,reset}[-requests|-tokens]</c> as OpenAI and Groq write them,
/// <c>anthropic-ratelimit-{requests,tokens,input-tokens,output-tokens}-{limit,remaining,reset}</c>. Others, and what cannot be read, are passed over.
/// </summary>
internal static class RateHeaders
{
    private const string OpenAI = "x-ratelimit-";
    private const string Anthropic = "anthropic-ratelimit-";
    private const int Kinds = 4;

    /// <param name="headers">Of the answer.</param>
    /// <param name="now">The time here. A reset that is a moment is measured from the provider's own clock where it tells it.</param>
    public static RateReading Read(HttpResponseHeaders headers, DateTimeOffset now)
    {
        Span<Draft> drafts = stackalloc Draft[Kinds];
        var any = false;
        foreach (var header in headers.NonValidated)
        {
            var name = header.Key.AsSpan();
            if (name.StartsWith(OpenAI, StringComparison.OrdinalIgnoreCase))
            {
                any |= Note(name[OpenAI.Length..], header.Value.ToString(), headers, now, drafts);
            }
            else if (name.StartsWith(Anthropic, StringComparison.OrdinalIgnoreCase))
            {
                any |= Note(name[Anthropic.Length..], header.Value.ToString(), headers, now, drafts);
            }
        }

        return any ? new RateReading(drafts[0].Allowance, Tightest(drafts[1..])) : default;
    }

    private static Allowance? Tightest(ReadOnlySpan<Draft> drafts)
    {
        Allowance? tightest = null;
        foreach (var draft in drafts)
        {
            tightest = draft.Allowance is { } one && (tightest is not { } known || one.Remaining < known.Remaining) ? one : tightest;
        }

        return tightest;
    }

    // "remaining-tokens" and "tokens-remaining" are the same.
    private static bool Note(ReadOnlySpan<char> name, string value, HttpResponseHeaders headers, DateTimeOffset now, Span<Draft> drafts)
    {
        if (Split(name, "remaining", out var kind))
        {
            return kind >= 0 && Count(value, out drafts[kind].Remaining) && (drafts[kind].HasRemaining = true);
        }

        if (Split(name, "limit", out kind))
        {
            return kind >= 0 && Count(value, out drafts[kind].Limit) && (drafts[kind].HasLimit = true);
        }

        if (Split(name, "reset", out kind) && kind >= 0 && ResetText.Read(value, ResetText.IsMoment(value) ? headers.Date ?? now : now) is { } reset)
        {
            (drafts[kind].Reset, drafts[kind].HasReset) = (reset, true);
            return true;
        }

        return false;
    }

    private static bool Split(ReadOnlySpan<char> name, string part, out int kind)
    {
        var rest = name.StartsWith(part, StringComparison.OrdinalIgnoreCase) ? name[part.Length..]
            : name.EndsWith(part, StringComparison.OrdinalIgnoreCase) ? name[..^part.Length]
            : default;
        var what = rest.Trim('-');
        kind = what.IsEmpty || what.Equals("requests", StringComparison.OrdinalIgnoreCase) ? 0
            : what.Equals("tokens", StringComparison.OrdinalIgnoreCase) ? 1
            : what.Equals("input-tokens", StringComparison.OrdinalIgnoreCase) ? 2
            : what.Equals("output-tokens", StringComparison.OrdinalIgnoreCase) ? 3
            : -1;
        return rest.Length > 0 || name.Length == part.Length;
    }

    private static bool Count(string value, out long count) =>
        long.TryParse(value, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out count);

    private struct Draft
    {
        public long Remaining;
        public long Limit;
        public TimeSpan Reset;
        public bool HasRemaining;
        public bool HasLimit;
        public bool HasReset;

        public readonly Allowance? Allowance =>
            HasRemaining ? new Allowance(Remaining, HasLimit ? Limit : null, HasReset ? Reset : null) : null;
    }
}

/// <summary>What one answer says of the limits; null where it says nothing of a kind.</summary>
internal readonly record struct RateReading(Allowance? Requests, Allowance? Tokens)
{
    public bool IsEmpty => Requests is null && Tokens is null;

    /// <summary>How long until one more request of so many tokens fits, as far as the provider says; null where it fits or nothing is said.</summary>
    public TimeSpan? WaitFor(int tokens)
    {
        var requests = Requests?.WaitFor(1);
        var more = Tokens?.WaitFor(Math.Max(1, tokens));
        return requests is null || more > requests ? more : requests;
    }
}

/// <summary>What is left of one limit.</summary>
/// <param name="Remaining">Of requests or tokens.</param>
/// <param name="Limit">When it is full; null where it is not said.</param>
/// <param name="Reset">Until it is full again; null where it is not said.</param>
internal readonly record struct Allowance(long Remaining, long? Limit, TimeSpan? Reset)
{
    /// <summary>Time in which one is regained: the limits of providers fill up evenly. Where only the reset is known, all of it.</summary>
    public TimeSpan? PerUnit => Reset is not { } reset ? null : Limit is { } limit && limit > Remaining ? reset / (limit - Remaining) : reset;

    /// <summary>Null where so many are left, or nobody says when they will be.</summary>
    public TimeSpan? WaitFor(long needed)
    {
        if (Remaining >= needed || PerUnit is not { } unit || Reset is not { } reset)
        {
            return null;
        }

        // More than the limit fits only when it is full, if ever.
        var missing = needed - Math.Max(0, Remaining);
        return unit * (double)missing < reset ? unit * (double)missing : reset;
    }
}
