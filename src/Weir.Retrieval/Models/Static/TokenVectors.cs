using System.Buffers;
using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Weir.Retrieval.Models.Safetensors;

namespace Weir.Retrieval.Models.Static;

/// <summary>The vector of each token, where it lies in the mapped file: converted while it is added up, never kept.</summary>
internal sealed class TokenVectors : IDisposable
{
    /// <summary>Larger numbers are a corrupt file, not an embedding; sums of smaller ones cannot overflow.</summary>
    private const float Largest = 1e15f;

    private readonly SafetensorsFile _file;
    private readonly TensorInfo _rows;
    private readonly int _rowBytes;
    private readonly float[]? _weights;
    private readonly int[]? _mapping;

    /// <summary>Takes the file over: it is closed with this, or at once when it does not fit.</summary>
    /// <param name="file">With the tensor <c>embeddings</c>, or <c>embedding.weight</c> as sentence-transformers call it.</param>
    /// <param name="tokens">How many tokens the tokenizer has.</param>
    /// <exception cref="ModelLoadException">A tensor is missing, or is not what it should be.</exception>
    public TokenVectors(SafetensorsFile file, int tokens)
    {
        _file = file;
        try
        {
            _rows = Rows();
            Dimensions = (int)_rows.Shape[1];
            _rowBytes = Dimensions * TensorInfo.SizeOf(_rows.Type);
            _weights = Weights(tokens);
            _mapping = Mapping(tokens);
            if (_mapping is null && _rows.Shape[0] < tokens)
                throw Wrong(_rows, $"it has {_rows.Shape[0]} rows, and the tokenizer {tokens} tokens");
            Check();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Dimensions { get; }

    /// <summary>The file's, and what is kept beside it.</summary>
    public long Bytes => _file.Length + ((_weights?.Length ?? 0) * 4L) + ((_mapping?.Length ?? 0) * 4L);

    public SafetensorsFile.Lease Use() => _file.Use();

    /// <summary>Adds a token's vector, times its weight.</summary>
    public void AddTo(Span<float> sum, int token, in SafetensorsFile.Lease lease, Span<float> scratch)
    {
        var row = _mapping is null ? token : _mapping[token];
        var bytes = lease.Bytes(_rows.Start + ((long)row * _rowBytes), _rowBytes);
        scoped ReadOnlySpan<float> values;
        if (_rows.Type == TensorType.F32)
        {
            values = MemoryMarshal.Cast<byte, float>(bytes);
        }
        else
        {
            Numbers.ToSingles(_rows.Type, bytes, scratch);
            values = scratch;
        }

        if (_weights is null)
            TensorPrimitives.Add(sum, values, sum);
        else
            TensorPrimitives.MultiplyAdd(values, _weights[token], sum, sum);
    }

    /// <summary>SHA-256 of the whole file.</summary>
    public byte[] Hash()
    {
        using var lease = _file.Use();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long at = 0; at < _file.Length; at += 1 << 20)
            hash.AppendData(lease.Bytes(at, (int)Math.Min(1 << 20, _file.Length - at)));
        return hash.GetHashAndReset();
    }

    public void Dispose() => _file.Dispose();

    private TensorInfo Rows()
    {
        if (!_file.Tensors.TryGetValue("embeddings", out var rows) && !_file.Tensors.TryGetValue("embedding.weight", out rows))
        {
            var names = _file.Tensors.Keys.Order(StringComparer.Ordinal).Take(5).Select(n => $"'{n}'");
            throw SafetensorsHeader.Wrong(_file.Path, $"it has no tensor 'embeddings' (it has {string.Join(", ", names.DefaultIfEmpty("none"))}): it is not a static model in model2vec's layout");
        }

        if (rows.Shape is not [> 0, > 0 and <= 65_536] || rows.Shape[0] > int.MaxValue)
            throw Wrong(rows, $"its shape [{string.Join(", ", rows.Shape)}] is not one of rows, each of 1 to 65,536 numbers");
        return Numbers.IsReal(rows.Type) ? rows : throw Wrong(rows, $"its numbers are {rows.Type}, and must be F32, F16, BF16, F64 or I8");
    }

    private float[]? Weights(int tokens)
    {
        if (!_file.Tensors.TryGetValue("weights", out var tensor))
            return null;
        if (!Numbers.IsReal(tensor.Type))
            throw Wrong(tensor, $"its numbers are {tensor.Type}, and must be F32, F16, BF16, F64 or I8");
        using var lease = _file.Use();
        var weights = new float[OnePerToken(tensor, tokens)];
        Numbers.ToSingles(tensor.Type, lease.Bytes(tensor.Start, checked((int)tensor.Bytes)), weights);
        if (!(TensorPrimitives.MaxMagnitude<float>(weights) <= Largest))
            throw Wrong(tensor, "it has a number that is not finite, or larger than any weight");
        return weights;
    }

    private int[]? Mapping(int tokens)
    {
        if (!_file.Tensors.TryGetValue("mapping", out var tensor))
            return null;
        if (tensor.Type is not (TensorType.I64 or TensorType.I32))
            throw Wrong(tensor, $"its numbers are {tensor.Type}, and must be I64 or I32");
        using var lease = _file.Use();
        var mapping = new int[OnePerToken(tensor, tokens)];
        var bytes = lease.Bytes(tensor.Start, checked((int)tensor.Bytes));
        for (var token = 0; token < mapping.Length; token++)
        {
            var row = tensor.Type == TensorType.I64 ? BitConverter.ToInt64(bytes[(8 * token)..]) : BitConverter.ToInt32(bytes[(4 * token)..]);
            if (row < 0 || row >= _rows.Shape[0])
                throw Wrong(tensor, $"it sends token {token} to row {row}, and there are {_rows.Shape[0]}");
            mapping[token] = (int)row;
        }

        return mapping;
    }

    private int OnePerToken(TensorInfo tensor, int tokens) =>
        tensor.Shape is [var count] && count >= tokens && count <= 1 << 27
            ? (int)count
            : throw Wrong(tensor, $"its shape [{string.Join(", ", tensor.Shape)}] is not one number for each of the {tokens} tokens");

    /// <summary>Every number is finite: one that is not would make every vector that its token is in unusable.</summary>
    private void Check()
    {
        using var lease = _file.Use();
        var scratch = ArrayPool<float>.Shared.Rent(Dimensions);
        var row = scratch.AsSpan(0, Dimensions);
        for (long i = 0; i < _rows.Shape[0]; i++)
        {
            Numbers.ToSingles(_rows.Type, lease.Bytes(_rows.Start + (i * _rowBytes), _rowBytes), row);
            if (!(TensorPrimitives.MaxMagnitude<float>(row) <= Largest))
                throw Wrong(_rows, $"row {i.ToString(CultureInfo.InvariantCulture)} has a number that is not finite, or larger than any embedding's");
        }

        ArrayPool<float>.Shared.Return(scratch);
    }

    private ModelLoadException Wrong(TensorInfo tensor, string what) => SafetensorsHeader.Wrong(_file.Path, $"tensor '{tensor.Name}': {what}");
}
