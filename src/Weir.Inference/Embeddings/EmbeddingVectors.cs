using System.Buffers.Text;

namespace Weir.Inference.Embeddings;

/// <summary>A provider's answer taken apart: each vector as it stands there, by the place of its input. No vector is ever parsed.</summary>
/// <param name="Model">The model's name as the provider gave it, as JSON; null where it gave none.</param>
/// <param name="Vectors">In the order of the inputs.</param>
internal sealed record EmbeddingVectors(ReadOnlyMemory<byte>? Model, ReadOnlyMemory<byte>[] Vectors)
{
    /// <returns>Null where this is not an answer to exactly <paramref name="count"/> inputs.</returns>
    public static EmbeddingVectors? Read(ReadOnlyMemory<byte> body, int count)
    {
        var vectors = new ReadOnlyMemory<byte>[count];
        ReadOnlyMemory<byte>? model = null;
        var json = new RawJson(body.Span);
        var hasData = false;
        if (!json.TryTake((byte)'{'))
        {
            return null;
        }

        do
        {
            if (!json.TryReadName(out var name))
            {
                return null;
            }

            if (name.SequenceEqual("data"u8))
            {
                if (hasData || !TryReadData(ref json, body, vectors))
                {
                    return null;
                }

                hasData = true;
            }
            else if (!json.TrySkipValue(out var place))
            {
                return null;
            }
            else if (name.SequenceEqual("model"u8) && body.Span[place] is [(byte)'"', .., (byte)'"'])
            {
                model = body[place];
            }
        }
        while (json.TryTake((byte)','));

        return json.TryTake((byte)'}') && hasData && !vectors.Any(static vector => vector.IsEmpty) ? new EmbeddingVectors(model, vectors) : null;
    }

    private static bool TryReadData(ref RawJson json, ReadOnlyMemory<byte> body, ReadOnlyMemory<byte>[] vectors)
    {
        if (!json.TryTake((byte)'['))
        {
            return false;
        }

        for (var position = 0; position < vectors.Length; position++)
        {
            if ((position > 0 && !json.TryTake((byte)',')) || !TryReadElement(ref json, body, position, out var index, out var vector)
                || index >= vectors.Length || !vectors[index].IsEmpty)
            {
                return false;
            }

            vectors[index] = vector;
        }

        return json.TryTake((byte)']');
    }

    private static bool TryReadElement(ref RawJson json, ReadOnlyMemory<byte> body, int position, out int index, out ReadOnlyMemory<byte> vector)
    {
        // A server that numbers nothing means the order in which it answers.
        index = position;
        vector = default;
        if (!json.TryTake((byte)'{'))
        {
            return false;
        }

        do
        {
            if (!json.TryReadName(out var name) || !json.TrySkipValue(out var place))
            {
                return false;
            }

            var value = body.Span[place];
            if (name.SequenceEqual("embedding"u8))
            {
                if (value is not ([(byte)'[', ..] or [(byte)'"', ..]))
                {
                    return false;
                }

                vector = body[place];
            }
            else if (name.SequenceEqual("index"u8) && (!Utf8Parser.TryParse(value, out index, out var read) || read != value.Length || index < 0))
            {
                return false;
            }
        }
        while (json.TryTake((byte)','));

        return json.TryTake((byte)'}') && !vector.IsEmpty;
    }
}
