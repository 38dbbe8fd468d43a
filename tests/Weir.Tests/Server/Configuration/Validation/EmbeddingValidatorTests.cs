using Weir.Retrieval.Embedding;

namespace Weir.Tests.Server.Configuration.Validation;

public sealed class EmbeddingValidatorTests
{
    private const string Providers = """ "providers": { "up": { "dialect": "openai", "base_url": "http://127.0.0.1:1/v1" } } """;

    [Fact]
    public void Load_WithoutEmbeddings_HasADefaultModel()
    {
        var model = Loading.Options("{}").Embeddings.ModelsWithDefault().ShouldHaveSingleItem();

        model.Key.ShouldBe("default");
        model.Value.ShouldBe(new EmbeddingModelOptions());
    }

    [Fact]
    public void Load_OtherModels_StandBesideTheDefault() =>
        Loading.Options("""{ "embeddings": { "models": { "small": { "dimensions": 64 } } } }""").Embeddings.ModelsWithDefault().Keys.Order().ShouldBe(["default", "small"]);

    [Fact]
    public void Load_NamedDefault_IsThatOne() =>
        Loading.Options("""{ "embeddings": { "models": { "default": { "dimensions": 64 } } } }""").Embeddings.ModelsWithDefault().ShouldHaveSingleItem().Value.Dimensions.ShouldBe(64);

    [Theory]
    [InlineData("""{ "kind": "static" }""", "embeddings.models.m", "has no path")]
    [InlineData("""{ "kind": "static", "path": "/nowhere/at/all" }""", "embeddings.models.m.path", "is no folder")]
    [InlineData("""{ "kind": "static", "path": "/" }""", "embeddings.models.m.path", "without model.safetensors and tokenizer.json")]
    [InlineData("""{ "kind": "route" }""", "embeddings.models.m", "has no route")]
    [InlineData("""{ "kind": "route", "route": "gone" }""", "embeddings.models.m.route", "names no route")]
    [InlineData("""{ "kind": "route", "route": "gone/model" }""", "embeddings.models.m.route", "names no route")]
    [InlineData("""{ "kind": "route", "route": "m" }""", "embeddings.models.m.route", "names an embedding model")]
    [InlineData("""{ "kind": "route", "route": "default" }""", "embeddings.models.m.route", "names an embedding model")]
    [InlineData("""{ "kind": "hashing", "path": "x" }""", "embeddings.models.m.path", "is for kind static")]
    [InlineData("""{ "kind": "hashing", "route": "x" }""", "embeddings.models.m.route", "is for kind route")]
    [InlineData("""{ "kind": "route", "route": "up/x", "dimensions": 64 }""", "embeddings.models.m.dimensions", "is for kind hashing")]
    [InlineData("""{ "kind": "hashing", "dimensions": 63 }""", "embeddings.models.m.dimensions", "64")]
    [InlineData("""{ "kind": "sorting" }""", "embeddings.models.m.kind", "hashing")]
    public void Load_ModelAtFault_SaysWhereAndWhat(string model, string path, string says)
    {
        var fault = Loading.OnlyFault($$"""{ {{Providers}}, "embeddings": { "models": { "m": {{model}} } } }""");

        fault.Path.ShouldBe(path);
        fault.ToString().ShouldContain(says);
    }

    [Theory]
    [InlineData("up/text-embedding-3-small")]
    [InlineData("vectors")]
    public void Load_RouteThatLeadsSomewhere_IsInOrder(string route) =>
        Loading.Options($$"""
            { {{Providers}}, "routes": { "vectors": { "deployments": [ { "provider": "up", "model": "a" } ] } },
              "embeddings": { "models": { "m": { "kind": "route", "route": "{{route}}" } } } }
            """).Embeddings.Models["m"].Route.ShouldBe(route);

    [Fact]
    public void Load_RouteOfTwoModels_IsAFault() =>
        Loading.OnlyFault($$"""
            { {{Providers}}, "routes": { "vectors": { "deployments": [ { "provider": "up", "model": "a" }, { "provider": "up", "model": "b" } ] } },
              "embeddings": { "models": { "m": { "kind": "route", "route": "vectors" } } } }
            """).ToString().ShouldContain("differ in model (a, b)");

    [Fact]
    public void Load_NameOfARoute_IsAFault() =>
        Loading.OnlyFault($$"""
            { {{Providers}}, "routes": { "m": { "deployments": [ { "provider": "up", "model": "a" } ] } }, "embeddings": { "models": { "m": { } } } }
            """).ToString().ShouldContain("hidden by the route");

    [Fact]
    public void Load_NearName_IsOffered() =>
        Loading.OnlyFault($$"""
            { {{Providers}}, "routes": { "vectors": { "deployments": [ { "provider": "up", "model": "a" } ] } },
              "embeddings": { "models": { "m": { "kind": "route", "route": "vector" } } } }
            """).ToString().ShouldContain("Did you mean \"vectors\"?");

    [Theory]
    [InlineData("\"off\"", 0)]
    [InlineData("\"2h\"", 120)]
    public void Load_UnloadIdle_IsADurationOrOff(string written, int minutes) =>
        Loading.Options($$"""{ "embeddings": { "unload_idle": {{written}} } }""").Embeddings.ToService().UnloadIdle.ShouldBe(TimeSpan.FromMinutes(minutes));

    [Fact]
    public void Load_WithoutUnloadIdle_UnloadsAfterHalfAnHour() => Loading.Options("{}").Embeddings.ToService().UnloadIdle.ShouldBe(TimeSpan.FromMinutes(30));

    [Fact]
    public void Load_EmptyPreload_IsAFault() => Loading.OnlyFault("""{ "embeddings": { "preload": [ " " ] } }""").Path.ShouldBe("embeddings.preload[0]");

    [Fact]
    public void Load_CaptureOfAnEmbeddingModel_IsInOrder() => Loading.Options("""{ "telemetry": { "capture": { "routes": [ "default" ] } } }""").Telemetry.Capture.Routes.ShouldBe(["default"]);
}
