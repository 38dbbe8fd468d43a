using Microsoft.Extensions.DependencyInjection;
using Weir.Inference;
using Weir.Inference.Batches;
using Weir.Server.Errors;
using Weir.Server.Keys;

namespace Weir.Server.Batches;

/// <summary>Batches go on after the request that made them: each of their lines meets the rights and limits of its key as they are then.</summary>
internal sealed class KeyBatchAccounts(KeyRing ring, KeyLimits limits, TimeProvider time) : IBatchAccounts
{
    public IBatchAccount? Find(string keyId)
    {
        if (ring.Table is not { } table) return null;

        var caller = keyId == ring.Loopback.KeyId ? ring.Loopback : keyId == ring.LocalAdmin.KeyId ? ring.LocalAdmin : table.Find(keyId);
        return new Account(caller, limits, time);
    }

    private sealed class Account(Caller? caller, KeyLimits limits, TimeProvider time) : IBatchAccount
    {
        public Func<string, bool>? MayUse => caller is null ? static _ => false : caller.MayUse;

        public InferenceError? TryEnter(int estimatedTokens, out IBatchPermit? permit)
        {
            permit = null;
            var refusal = caller is null
                ? new ApiError(401, "key_revoked", "The key that made this batch was revoked before this line was sent.") { ShouldRetry = false }
                : caller.Expires <= time.GetUtcNow() ? ApiError.KeyExpired(caller.Expires.Value) : null;
            if (refusal is null && limits.TryEnter(caller!, estimatedTokens, out var entered, out refusal, background: true))
            {
                permit = new Permit(entered);
                return null;
            }

            return new InferenceError(refusal!.Status, refusal.Code, refusal.Message) { RetryAfter = refusal.RetryAfter, ShouldRetry = refusal.ShouldRetry };
        }
    }

    private sealed class Permit(KeyPermit permit) : IBatchPermit
    {
        public void Settle(InferenceReport report) => permit.Settle(new KeyUsage
        {
            Model = report.Label,
            Provider = report.Provider!,
            InputTokens = report.Usage?.Input ?? 0,
            OutputTokens = report.Usage?.Output ?? 0,
            Cost = (decimal)report.Cost,
        });

        public void Dispose() => permit.Dispose();
    }
}

internal static class BatchAccountServices
{
    public static void AddBatchAccounts(this IServiceCollection services) => services.AddSingleton<IBatchAccounts, KeyBatchAccounts>();
}
