using System.Security.Cryptography;
using System.Text;
using Weir.Flow.Admission;
using Weir.Flow.Limits;

namespace Weir.Inference.Providers;

/// <summary>What outlives a reload of the configuration for one provider: connections, budget and the state of its keys.</summary>
internal sealed class ProviderState(string name, ConnectionPool pool, RetryBudget budget, RetrySettings retry, ProviderSwitch position, TimeProvider time)
{
    public string Name { get; } = name;

    public ConnectionPool Pool { get; } = pool;

    /// <summary>Retries as a share of this provider's requests.</summary>
    public RetryBudget Budget { get; } = budget;

    /// <summary>What the budget was made from.</summary>
    public RetrySettings Retry { get; } = retry;

    /// <summary>It has said that it has no Responses API: until this is forgotten, such requests are translated.</summary>
    public AbsenceMark Responses { get; } = new(time);

    /// <summary>Whether an operator has taken it out of use.</summary>
    public ProviderSwitch Switch { get; } = position;
}

/// <summary>One key of a provider: its limits hold for all models together.</summary>
internal sealed class KeyState(string? apiKey, AdmissionGate gate, TimeProvider time)
{
    /// <summary>The value of the authorization header; null where the provider needs no key.</summary>
    public string? Authorization { get; } = string.IsNullOrEmpty(apiKey) ? null : "Bearer " + apiKey;

    public string? ApiKey { get; } = apiKey;

    /// <summary>Tells keys apart without showing them: the beginning of a SHA-256; null where there is no key.</summary>
    public string? Fingerprint { get; } =
        string.IsNullOrEmpty(apiKey) ? null : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(apiKey)).AsSpan(0, 4));

    public AdmissionGate Gate { get; } = gate;

    public RefusalMark Refusal { get; } = new(time);
}
