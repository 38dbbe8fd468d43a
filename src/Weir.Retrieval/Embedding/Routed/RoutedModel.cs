using System.Security.Cryptography;
using System.Text;
using Weir.Retrieval.Embedding.Caching;

namespace Weir.Retrieval.Embedding.Routed;

/// <summary>
/// A model of a provider, reached through the gateway. Its revision is what its route leads to, since nobody but the provider knows its weights;
/// its dimensions are known from its first answer on.
/// </summary>
internal sealed class RoutedModel : IEmbeddingModel
{
    private readonly IEmbeddingRoute _route;
    private readonly string _name;
    private readonly string _identity;
    private readonly Lock _learning = new();
    private int _dimensions;
    private int _differing;

    public RoutedModel(IEmbeddingRoute route, string name, string identity)
    {
        (_route, _name, _identity) = (route, name, identity);
        Revision = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes("route\0" + identity)).AsSpan(0, 16));
    }

    public string Revision { get; }

    /// <summary>0 until the first answer.</summary>
    public int Dimensions => Volatile.Read(ref _dimensions);

    public long Bytes => 0;

    public ITextTokenizer? Tokenizer => null;

    /// <summary>One call; the answer is whole, finite and of one length, or it is an error.</summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async ValueTask<RoutedEmbeddings> EmbedAsync(
        IReadOnlyList<EmbeddingInput> inputs, int? dimensions, EmbeddingAsker asker, CancellationToken cancellationToken)
    {
        var answer = await _route.EmbedAsync(_name, inputs, dimensions, asker, cancellationToken);
        if (answer.Error is not null)
            return answer;
        if (Fault(answer.Vectors, inputs.Count, dimensions) is { } fault)
            return answer with { Error = EmbeddingErrors.BadAnswer(fault), Vectors = [] };
        // What came may be of either model.
        return _route.IdentityOf(_name) == _identity ? answer : answer with { Error = Changed(), Vectors = [] };
    }

    /// <summary>Its own length where none is known, from a kept vector.</summary>
    /// <returns>Whether it is the one that holds.</returns>
    public bool Learn(int dimensions)
    {
        lock (_learning)
        {
            if (_dimensions == 0)
                Volatile.Write(ref _dimensions, dimensions);
            return _dimensions == dimensions;
        }
    }

    public void Dispose()
    {
        // It holds nothing.
    }

    private string? Fault(IReadOnlyList<ReadOnlyMemory<float>> vectors, int count, int? dimensions)
    {
        if (vectors.Count != count)
            return $"there are {vectors.Count} for {count} inputs";
        if (count == 0)
            return null;
        var length = vectors[0].Length;
        if (length == 0)
            return "the first is empty";
        if (dimensions is { } wanted && length != wanted)
            return $"they have {length} dimensions, and {wanted} were asked for";
        for (var i = 0; i < count; i++)
        {
            if (vectors[i].Length != length)
                return $"number {i} has {vectors[i].Length} dimensions, and the first {length}";
            if (!PackedVector.IsFinite(vectors[i].Span))
                return $"number {i} holds what is no number";
        }

        return dimensions is null ? Disagreement(length) : null;
    }

    /// <summary>One odd answer changes nothing; the same other length in the next one too does, for then the odd one was what had been learned from.</summary>
    private string? Disagreement(int length)
    {
        lock (_learning)
        {
            var known = _dimensions;
            if (known != 0 && known != length && _differing != length)
            {
                _differing = length;
                return $"they have {length} dimensions, and earlier ones had {known}. Ask again: the next call decides which is right. Where this goes on, '{_name}' leads to several models";
            }

            _differing = 0;
            Volatile.Write(ref _dimensions, length);
            return null;
        }
    }

    private RetrievalError Changed() =>
        new(503, "embedding_model_changed", $"The route '{_name}' leads to another model now. Ask again.") { Param = "model", RetryAfter = TimeSpan.FromSeconds(1) };
}
