using Weir.Retrieval.Collections;
using Weir.Server.Configuration.Binding;
using Weir.Server.Configuration.Reading;

namespace Weir.Server.Configuration.Validation;

/// <summary>Collections have names that paths can hold, a model that there is, and a cut that can be made.</summary>
internal sealed class CollectionValidator : IConfigurationValidator
{
    public void Validate(WeirOptions options, FaultList faults)
    {
        var models = options.Embeddings.ModelsWithDefault();
        foreach (var (name, collection) in options.Collections)
        {
            var path = SettingPath.Member("collections", name);
            if (!KnowledgeCollections.IsName(name))
            {
                faults.Add(path, "is not a name for a collection", "Use 1 to 64 letters, digits, '.', '_' or '-', the first a letter or a digit");
            }

            if (!models.ContainsKey(collection.EmbeddingModel) && !faults.IsBlamed("embeddings") && !faults.IsBlamed(SettingPath.Member("embeddings.models", collection.EmbeddingModel)))
            {
                var near = NearestName.Find(collection.EmbeddingModel, models.Keys);
                var known = $"There are {string.Join(", ", models.Keys.Order(StringComparer.Ordinal))}";
                faults.Add(SettingPath.Member(path, "embedding_model"), "names no entry of embeddings.models", near is null ? known : $"Did you mean \"{near}\"? {known}");
            }

            if (collection.Chunk.Overlap > collection.Chunk.Tokens / 2)
            {
                faults.Add(SettingPath.Member(path, "chunk.overlap"), $"is {collection.Chunk.Overlap}, over half of chunk.tokens, which is {collection.Chunk.Tokens}", "Lower it, or raise tokens");
            }

            if (collection.Weights is { Dense: 0, Sparse: 0 })
            {
                faults.Add(SettingPath.Member(path, "weights"), "leaves nothing to search by: both are 0", "Raise dense, sparse or both");
            }

            if (collection.Load is { } load && load.Split(',').Any(string.IsNullOrWhiteSpace))
            {
                faults.Add(SettingPath.Member(path, "load"), "holds an empty pattern", "Name files, such as \"./docs/**/*.md\", with commas between several");
            }
        }
    }
}
