using System.Buffers;
using System.Text.Json;
using Weir.Inference.Requests;
using Weir.Inference.Routing;

namespace Weir.Inference.Embeddings;

/// <summary>The inputs of several parts as one request, each text in it once.</summary>
internal sealed class MergedInputs
{
    private readonly IReadOnlyList<EmbeddingPart> _parts;
    private readonly int[][] _places;
    private readonly byte[] _body;

    public MergedInputs(IReadOnlyList<EmbeddingPart> parts)
    {
        _parts = parts;
        _places = new int[parts.Count][];
        var first = parts[0].Call;
        var known = new Dictionary<ReadOnlyMemory<byte>, int>(BytesEquality.Instance);
        var body = new ArrayBufferWriter<byte>();
        body.Write("{\"model\":"u8);
        body.Write(JsonSerializer.SerializeToUtf8Bytes(first.Route.Name));
        ModelValue = 9..body.WrittenCount;
        body.Write(",\"input\":["u8);
        for (var i = 0; i < parts.Count; i++)
        {
            var places = _places[i] = new int[parts[i].Count];
            for (var j = 0; j < places.Length; j++)
            {
                var input = parts[i][j];
                if (!known.TryGetValue(input, out places[j]))
                {
                    known.Add(input, places[j] = known.Count);
                    body.Write(places[j] == 0 ? []: ","u8);
                    body.Write(input.Span);
                }
            }
        }

        body.Write("]"u8);
        body.Write(first.Inputs.Parameters.Span);
        body.Write("}"u8);
        _body = body.WrittenSpan.ToArray();
        Count = known.Count;
    }

    /// <summary>Inputs that differ.</summary>
    public int Count { get; }

    private Range ModelValue { get; }

    /// <param name="time">The members' deadlines are measured by it: the request keeps the latest of them.</param>
    public InferenceRequest ToRequest(TimeProvider time)
    {
        var first = _parts[0].Call.Request;
        return new InferenceRequest
        {
            Operation = Operation.Embeddings,
            Head = new RequestHead { Model = _parts[0].Call.Route.Name, ModelValue = ModelValue, Length = _body.Length },
            Body = _body,
            Tenant = first.Tenant,
            Priority = _parts.Max(static part => part.Call.Request.Priority),
            Timeout = _parts.Max(part => part.Call.Timeout - time.GetElapsedTime(part.Call.Started)),
            Headers = new ClientHeaders { OpenAIBeta = first.Headers.OpenAIBeta, TraceParent = first.Headers.TraceParent },
            IsBackground = first.IsBackground,
        };
    }

    /// <summary>The vectors of one part, in its order.</summary>
    public ReadOnlyMemory<byte>[] Of(int part, EmbeddingVectors answer) => Array.ConvertAll(_places[part], place => answer.Vectors[place]);
}
