using Weir.Inference;
using Weir.Retrieval;
using Weir.Retrieval.Embedding;
using Weir.Server.Keys;

namespace Weir.Server.Retrieval;

/// <summary>What one request embeds on its key's account, however often it asks: to the key's usage it is one request.</summary>
internal sealed class KeyEmbeddingAccount(Caller caller, KeyLimits limits) : IEmbeddingAccount
{
    private int _counted;

    public RetrievalError? Check(string model) => caller.MayUseRoute(model)
        ? null
        : new RetrievalError(403, "model_not_allowed", $"This key may not use the embedding model '{model}', and so nothing that is made with it. GET /v1/models lists what it may use.");

    public RetrievalError? TryEnter(string model, int tokens, out IEmbeddingCharge? charge)
    {
        charge = null;
        if (Check(model) is { } barred)
            return barred;
        if (!limits.TryGoOn(caller, tokens, out var taken, out var refusal))
            return new RetrievalError(refusal.Status, refusal.Code, refusal.Message) { RetryAfter = refusal.RetryAfter };
        charge = new Charge(this, model, taken);
        return null;
    }

    public void Owe(string model, int tokens, double cost) => Owe(caller.State, model, tokens, cost);

    /// <summary>Counts what a request cost after it had ended.</summary>
    public static void Owe(KeyState key, string model, int tokens, double cost) => key.Owe(new KeyUsage
    {
        Model = model,
        Provider = InferenceReport.OwnProvider,
        InputTokens = tokens,
        Cost = (decimal)cost,
        IsContinued = true,
    });

    private sealed class Charge(KeyEmbeddingAccount account, string model, KeyCharge taken) : IEmbeddingCharge
    {
        public void Settle(int tokens, double cost) => taken.Settle(new KeyUsage
        {
            Model = model,
            Provider = InferenceReport.OwnProvider,
            InputTokens = tokens,
            Cost = (decimal)cost,
            IsContinued = Interlocked.Exchange(ref account._counted, 1) != 0,
        });

        public void Dispose() => taken.Dispose();
    }
}
