using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Embeddings;

/// <summary>One client's request on its way through the batches.</summary>
/// <param name="Route">Where it goes.</param>
/// <param name="Request">As the client sent it.</param>
/// <param name="Inputs">What stands in its body.</param>
/// <param name="Answer">Where its answer goes when it is sent alone and as it came.</param>
/// <param name="Report">What became of it then.</param>
/// <param name="Started">From when its deadline counts.</param>
internal sealed record EmbeddingCall(
    RouteModel Route, InferenceRequest Request, EmbeddingInputs Inputs, IAnswer Answer, InferenceReport Report, long Started)
{
    /// <summary>Where each of the client's inputs stands among <see cref="Inputs"/>, which then are each text once; null: they are as they came.</summary>
    public int[]? Places { get; init; }

    public TimeSpan Timeout => Request.Timeout ?? Route.Timeout;
}

/// <summary>As many inputs of a call as one batch may hold: all of them, or a part.</summary>
internal sealed record EmbeddingPart(EmbeddingCall Call, int From, int Count)
{
    /// <summary>The request as it came: its bytes can be sent.</summary>
    public bool IsWhole => Count == Call.Inputs.Count && Call.Places is null;

    public ReadOnlyMemory<byte> this[int index] => Call.Inputs[From + index];

    /// <summary>The bytes of its inputs: what its share of the usage goes by.</summary>
    public long Weight
    {
        get
        {
            var weight = 0L;
            for (var i = 0; i < Count; i++)
            {
                weight += this[i].Length;
            }

            return weight;
        }
    }
}

/// <summary>What became of a part.</summary>
internal sealed record EmbeddingResult
{
    /// <summary>Sent alone and as it came: this is what its journey ended in, and whatever was answered has been written.</summary>
    public bool WasSentAlone { get; init; }

    /// <summary>Null: it succeeded, or the provider's own words say why not.</summary>
    public InferenceError? Error { get; init; }

    /// <summary>The provider's own words to a request that it refused.</summary>
    public BufferedAnswer? Refusal { get; init; }

    /// <summary>In the order of the part's inputs.</summary>
    public ReadOnlyMemory<byte>[] Vectors { get; init; } = [];

    /// <summary>As JSON; null where the provider gave none.</summary>
    public ReadOnlyMemory<byte>? Model { get; init; }

    /// <summary>Its share; null where the provider did not count.</summary>
    public TokenUsage? Usage { get; init; }

    /// <summary>Its share, in dollars.</summary>
    public double Cost { get; init; }

    /// <summary>Of the send that it was part of; null where there was none.</summary>
    public InferenceReport? Report { get; init; }
}

/// <summary>A provider found a batch at fault: one of its members is, and the others are not to suffer for it.</summary>
internal sealed class BatchFaultException() : Exception("The provider refused a batch of embeddings.");
