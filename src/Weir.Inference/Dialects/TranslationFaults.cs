namespace Weir.Inference.Dialects;

/// <summary>Keeps the first thing that is wrong with a request; what is written after it is thrown away.</summary>
internal sealed class TranslationFaults(TranslationTarget target)
{
    public InferenceError? First { get; private set; }

    /// <summary>A field holds nonsense.</summary>
    public void Malformed(string field, string expected) =>
        First ??= InferenceError.Malformed($"'{field}' must be {expected}.", field);

    /// <summary>A hint is left out, without which the answer is the same: no reason to refuse the request, but told. Listed once, however many there are.</summary>
    public void Dropped(string hint) => target.Hint(hint);

    /// <summary>A field has no counterpart at the target; the caller leaves it out.</summary>
    public void Cannot(string field, string why) => First ??= target.Cannot(field, why);
}
