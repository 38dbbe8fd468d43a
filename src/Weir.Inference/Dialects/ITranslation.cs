using System.Buffers;
using Weir.Inference.Requests;

namespace Weir.Inference.Dialects;

/// <summary>
/// Turns requests of one operation into requests of another, and what a provider answers to those back. It keeps nothing between requests;
/// what an answer needs is kept in its <see cref="AnswerTranslator"/>. Where client and provider speak the same, nothing is translated.
/// </summary>
internal interface ITranslation
{
    /// <summary>What the client asks for.</summary>
    Operation From { get; }

    /// <summary>What the provider is asked for.</summary>
    Operation To { get; }

    /// <summary>Writes the request as the provider takes it.</summary>
    /// <param name="body">The client's body; well-formed JSON, an object, its head scanned.</param>
    /// <param name="target">Where it goes, and what is to be done about what cannot be expressed there.</param>
    /// <param name="output">Gets the translated body.</param>
    /// <returns>Null, or what is wrong: 400 for a field that holds nonsense, 422 naming the field that the target cannot express.</returns>
    InferenceError? TranslateRequest(ReadOnlyMemory<byte> body, TranslationTarget target, IBufferWriter<byte> output);

    /// <summary>Begins the translation of one answer.</summary>
    AnswerTranslator BeginAnswer(AnswerContext context);
}

/// <summary>Where a translated request goes.</summary>
/// <param name="Deployment"><c>provider/model</c>, for messages to people.</param>
/// <param name="Model">The model's name at the provider.</param>
/// <param name="MaxOutput">The most output tokens where the client names no bound and the target needs one.</param>
/// <param name="DropParams">Leave out what cannot be expressed, and list it, instead of refusing the request.</param>
internal sealed record TranslationTarget(string Deployment, string Model, int MaxOutput, bool DropParams)
{
    public const int DefaultMaxOutput = 8192;

    /// <summary>The preset of the provider, since servers of one dialect differ in what they take; null where it has none.</summary>
    public string? Preset { get; init; }

    private List<string>? _dropped;

    /// <summary>The fields that were left out, as paths in the client's body; empty where none were.</summary>
    public IReadOnlyList<string> Dropped => _dropped ?? [];

    /// <summary>The same target with nothing left out yet, for a second translation on the way there.</summary>
    public TranslationTarget Again() => new(Deployment, Model, MaxOutput, DropParams) { Preset = Preset };

    /// <summary>Notes that a field has been left out.</summary>
    public void Drop(string field) => (_dropped ??= []).Add(field);

    /// <summary>Notes that a hint has been left out, once, however many there are of its kind.</summary>
    public void Hint(string kind)
    {
        if (_dropped?.Contains(kind) != true)
        {
            Drop(kind);
        }
    }

    /// <summary>Notes that a field has been left out, or says why the request is refused for it.</summary>
    /// <returns>Null: left out. Else the 422 to answer with.</returns>
    public InferenceError? Cannot(string field, string why)
    {
        if (DropParams)
        {
            Drop(field);
            return null;
        }

        return new InferenceError(422, "unsupported_field", $"'{field}' cannot be sent to '{Deployment}': {why} Leave it out, or set drop_params on the route to have it left out.")
        {
            Param = field,
            ShouldRetry = false,
        };
    }
}

/// <summary>What the translation of an answer has to know of its request.</summary>
/// <param name="Request">The client's body, valid until the answer has been translated.</param>
/// <param name="Model">The model's name as the client gave it.</param>
/// <param name="Created">When the answer began, UTC.</param>
/// <param name="Stream">The client asked for a stream.</param>
/// <param name="IncludeUsage">The client asked for the usage at the end of a chat stream.</param>
internal sealed record AnswerContext(ReadOnlyMemory<byte> Request, string Model, DateTimeOffset Created, bool Stream, bool IncludeUsage)
{
    /// <summary>Another translation reads the answer, and no client.</summary>
    public bool IsBetween { get; init; }
}
