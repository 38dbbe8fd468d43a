namespace Weir.Tests.Server.Configuration.Validation;

public sealed class CollectionValidatorTests
{
    [Theory]
    [InlineData(""" "a b": {} """, "collections[\"a b\"]", "is not a name")]
    [InlineData(""" "c": { "embedding_model": "defalt" } """, "collections.c.embedding_model", "Did you mean \"default\"")]
    [InlineData(""" "c": { "chunk": { "tokens": 64, "overlap": 33 } } """, "collections.c.chunk.overlap", "over half")]
    [InlineData(""" "c": { "chunk": { "tokens": 8 } } """, "collections.c.chunk.tokens", "16")]
    [InlineData(""" "c": { "weights": { "dense": 0, "sparse": 0 } } """, "collections.c.weights", "nothing to search by")]
    [InlineData(""" "c": { "weights": { "dense": 2 } } """, "collections.c.weights.dense", "1")]
    [InlineData(""" "c": { "load": " , ./docs" } """, "collections.c.load", "empty pattern")]
    public void Load_CollectionAtFault_SaysWhereAndWhat(string collections, string path, string says)
    {
        var fault = Loading.OnlyFault($$"""{ "collections": { {{collections}} } }""");
        fault.Path.ShouldContain(path.Split('[')[0]);
        fault.ToString().ShouldContain(says);
    }

    [Fact]
    public void Load_Collection_HasTheDefaults()
    {
        var collection = Loading.Options("""{ "collections": { "c": { "load": "./docs/**/*.md" } } }""").Collections["c"];
        (collection.EmbeddingModel, collection.Chunk.Tokens, collection.Chunk.Overlap, collection.Weights.Dense).ShouldBe(("default", 256, 32, 0.5));
    }
}
