using System.Globalization;
using Weir.Retrieval.Collections.Storage;
using Weir.State;
using Weir.State.Configured;

namespace Weir.Retrieval.Collections.Loading;

/// <summary>The collections of the configuration beside those that are stored.</summary>
internal sealed class CollectionDrift(ConfiguredCollections configured, CollectionDirectory directory, KnowledgeCollections collections) : IConfiguredDocuments
{
    private const int MostTries = 5;

    // The configuration is an admin's word; it has no tenant.
    private static readonly CollectionScope Configuration = new("", IsAdmin: true);

    public string Kind => "collection";

    public ValueTask<IReadOnlyList<DocumentDrift>> CompareAsync(CancellationToken cancellationToken)
    {
        if (!directory.IsKnown)
            throw new StoreUnavailableException("The state store has not said yet which collections there are.");
        var options = configured.Options;
        var unnamed = directory.Collections.Values.Select(stored => stored.Value).Where(record => record.IsGlobal && !options.ContainsKey(record.Name))
            .Select(record => new DocumentDrift(record.Name, DriftState.Unnamed, []));
        return ValueTask.FromResult<IReadOnlyList<DocumentDrift>>([.. options.Select(entry => Compare(entry.Key, entry.Value)).Concat(unnamed).OrderBy(drift => drift.Name, StringComparer.Ordinal)]);
    }

    public async ValueTask<string?> OverwriteAsync(string name, CancellationToken cancellationToken)
    {
        if (!configured.Options.TryGetValue(name, out var options))
            return "it is not configured any more";
        var change = new CollectionChange { Global = true, EmbeddingModel = options.EmbeddingModel, Chunk = options.Chunk, Weights = options.Weights };
        for (var tries = 1; ; tries++)
        {
            var answer = await collections.PutAsync(Configuration, name, change, cancellationToken).ConfigureAwait(false);
            if (answer.Error is { Status: 409 } && tries < MostTries)
                continue;
            // Nobody loads the files of one that was deleted.
            if (answer.IsNew)
                configured.LookAgain();
            return answer.Error?.Message;
        }
    }

    /// <summary>One sentence for each setting that is stored otherwise than configured.</summary>
    public static IReadOnlyList<string> Between(CollectionRecord record, CollectionOptions options)
    {
        var differences = new List<string>();
        Tell("embedding_model", record.EmbeddingModel, options.EmbeddingModel);
        Tell("chunk.tokens", record.Chunk.Tokens, options.Chunk.Tokens);
        Tell("chunk.overlap", record.Chunk.Overlap, options.Chunk.Overlap);
        Tell("weights.dense", record.Weights.Dense, options.Weights.Dense);
        Tell("weights.sparse", record.Weights.Sparse, options.Weights.Sparse);
        return differences;

        void Tell<T>(string setting, T stored, T wanted)
        {
            if (!EqualityComparer<T>.Default.Equals(stored, wanted))
                differences.Add(string.Create(CultureInfo.InvariantCulture, $"{setting} is {stored}, configured is {wanted}"));
        }
    }

    private DocumentDrift Compare(string name, CollectionOptions options)
    {
        if (directory.Find(null, name) is not { } record)
            return new DocumentDrift(name, DriftState.Missing, []);
        var differences = Between(record, options);
        return new DocumentDrift(name, differences.Count == 0 ? DriftState.None : DriftState.Differs, differences);
    }
}
