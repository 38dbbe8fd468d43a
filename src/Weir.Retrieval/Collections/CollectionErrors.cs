namespace Weir.Retrieval.Collections;

/// <summary>What collections answer when something cannot be done.</summary>
internal static class CollectionErrors
{
    public const string ModelUnavailableCode = "embedding_model_unavailable";

    public static RetrievalError ModelMissing(string name, string model) =>
        new(503, ModelUnavailableCode, $"The embedding model '{model}' of '{name}' is not configured here: add it to embeddings.models, or PUT the collection with another embedding_model.");

    public static RetrievalError ModelAway(string name, string model, RetrievalError why) =>
        new(503, ModelUnavailableCode, $"The embedding model '{model}' of '{name}' does not answer now: {why.Message} Ask again later, or PUT the collection with another embedding_model.") { RetryAfter = why.RetryAfter };

    public static RetrievalError NotFound(string name) =>
        new(404, "collection_not_found", $"There is no collection '{name}' here. GET /v1/collections lists them; PUT /v1/collections/{name} makes one.");

    public static RetrievalError DocumentNotFound(string id) =>
        new(404, "document_not_found", $"The collection has no document '{id}'.");

    public static RetrievalError Deleted(string name) =>
        new(409, "collection_deleted", $"The collection '{name}' was deleted, or deleted and made again, meanwhile; nothing more was taken.");

    public static RetrievalError Name() =>
        new(422, "invalid_value", "A collection's name has 1 to 64 letters, digits, '.', '_' or '-', the first a letter or a digit.") { Param = "name" };

    public static RetrievalError GlobalReadOnly(string name) =>
        new(403, "collection_global", $"'{name}' is a global collection: reading it is open to all, changing it takes the role admin.");

    public static RetrievalError Conflict(string name) =>
        new(409, "collection_conflict", $"The collection '{name}' was changed by somebody else at the same time: read it and try again.");

    public static RetrievalError TooMany(int most) =>
        new(422, "too_many_collections", $"A tenant has at most {most} collections: delete one.");

    public static RetrievalError Loading(string name, TimeSpan retryAfter) =>
        new(503, "collection_loading", $"The index of '{name}' is being built: ask again in a moment, or give the request more time with x-weir-timeout.") { RetryAfter = retryAfter };

    public static RetrievalError Busy(TimeSpan retryAfter) =>
        new(503, "collections_busy", "As many collections as fit into memory here are being searched: ask again in a moment.") { RetryAfter = retryAfter };

    public static RetrievalError TooLarge(string name, long most) =>
        new(503, "collection_too_large", $"The index of '{name}' needs more than the {most >> 20} MiB that indexes may hold here.");
}
