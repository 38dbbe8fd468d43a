using System.IO.Pipelines;

namespace Weir.Inference.Relay;

/// <summary>Where an answer goes: a client's connection, or whoever called from inside the process.</summary>
public interface IAnswer
{
    /// <summary>Called once, before the first byte of the body.</summary>
    void Begin(in AnswerHead head);

    PipeWriter Body { get; }

    /// <summary>Ends the answer so that the other side sees that it is not whole.</summary>
    void Abort();
}

/// <summary>The head of an answer.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="ContentType">Null where the provider gave none.</param>
/// <param name="ContentLength">Null where it is not known beforehand.</param>
/// <param name="Report">What has become known of the request so far.</param>
public readonly record struct AnswerHead(int Status, string? ContentType, long? ContentLength, InferenceReport Report)
{
    /// <summary>Headers of the provider that are the client's too; null where there are none.</summary>
    public IReadOnlyList<KeyValuePair<string, string>>? Passed { get; init; }
}
