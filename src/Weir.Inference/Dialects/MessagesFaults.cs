namespace Weir.Inference.Dialects;

/// <summary>Keeps the first thing that is wrong with a request; what is written after it is thrown away.</summary>
internal sealed class MessagesFaults(TranslationTarget target)
{
    public InferenceError? First { get; private set; }

    /// <summary>A field holds nonsense.</summary>
    public void Malformed(string field, string expected) =>
        First ??= InferenceError.Malformed($"'{field}' must be {expected}.", field);

    /// <summary>A field has no counterpart at the target; the caller leaves it out.</summary>
    public void Cannot(string field, string why) => First ??= target.Cannot(field, why);
}
