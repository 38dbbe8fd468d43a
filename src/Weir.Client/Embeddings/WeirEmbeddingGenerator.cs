using Microsoft.Extensions.AI;

namespace Weir.Client;

/// <summary>Weir as what Microsoft.Extensions.AI takes for embeddings.</summary>
/// <param name="client">Not disposed with this.</param>
/// <param name="model">Used where the options name none.</param>
/// <param name="dimensions">Used where the options say none. Null: the model's.</param>
public sealed class WeirEmbeddingGenerator(WeirClient client, string model = EmbeddingsClient.DefaultModel, int? dimensions = null)
    : IEmbeddingGenerator<string, Embedding<float>>
{
    private readonly EmbeddingGeneratorMetadata _metadata = new("weir", client.Embeddings.Root, model, dimensions);

    public async Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<string> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        var answer = await client.Embeddings
            .EmbedAsync([.. values], options?.ModelId ?? model, options?.Dimensions ?? dimensions, cancellationToken).ConfigureAwait(false);
        return new(answer.Vectors.Select(vector => new Embedding<float>(vector) { ModelId = answer.Model }))
        {
            Usage = new() { InputTokenCount = answer.PromptTokens, TotalTokenCount = answer.PromptTokens },
        };
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null)
            return null;
        if (serviceType == typeof(EmbeddingGeneratorMetadata))
            return _metadata;
        return serviceType.IsInstanceOfType(this) ? this : serviceType.IsInstanceOfType(client) ? client : null;
    }

    public void Dispose()
    {
    }
}
