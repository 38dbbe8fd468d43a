namespace Weir.Tests.Server.Configuration.Validation;

public sealed class KindValidatorTests
{
    [Theory]
    [InlineData(""" "rga": { "capacity": 1 } """, "kinds.rga", "Did you mean \"rag\"? There are rag, remote")]
    [InlineData(""" "printer": { "capacity": 1 } """, "kinds.printer", "There are rag, remote")]
    [InlineData(""" "rag:": { "capacity": 1 } """, "kinds.rag:", "is no name of a kind")]
    [InlineData(""" "rag:A": { "capacity": 1 } """, "kinds.rag:A", "is no name of a kind")]
    [InlineData(""" "rag": { } """, "kinds.rag.capacity", "is missing. Say how many")]
    [InlineData(""" "rag": { "capacity": -1 } """, "kinds.rag.capacity", "10000")]
    [InlineData(""" "rag": { "capacity": 2, "warm": 1 } """, "kinds.rag.warm", "means nothing for 'rag'")]
    [InlineData(""" "rag": { "capacity": 2, "aliases": ["a b"] } """, "kinds.rag.aliases[0]", "is no name")]
    [InlineData(""" "rag": { "capacity": 2, "aliases": ["rag"] } """, "kinds.rag.aliases[0]", "twice")]
    [InlineData(""" "rag": { "capacity": 2, "aliases": ["rag:x"] }, "rag:x": { "capacity": 1 } """, "kinds.rag:x", "is an alias of 'rag'")]
    [InlineData(""" "remote:x": { "endpoints": [ { "id": "a", "base_url": "ftp://x" } ] } """, "kinds.remote:x.endpoints[0].base_url", "http")]
    [InlineData(""" "rag": { "capacity": 2, "limits": { "per_worker": 0 } } """, "kinds.rag.limits.per_worker", "10000")]
    [InlineData(""" "rag": { "capacity": 2, "colection": "x" } """, "kinds.rag.colection", "Did you mean \"collection\"")]
    [InlineData(""" "vm": { "capacity": 2, "size": "800" } """, "kinds.vm.size", "must match")]
    [InlineData(""" "vm": { "capacity": 2, "network": "bridge" } """, "kinds.vm.network", "nat, none")]
    [InlineData(""" "vm": { "capacity": 2, "initialise_within": "2h" } """, "kinds.vm.initialise_within", "1h")]
    public void Load_KindAtFault_SaysWhereAndWhat(string kinds, string path, string says)
    {
        var fault = Loading.OnlyFault($$"""{ "kinds": { {{kinds}} } }""");
        fault.Path.ShouldBe(path);
        fault.ToString().ShouldContain(says);
    }

    [Fact]
    public void Load_Kinds_AreReadWhole()
    {
        var kinds = Loading.Options("""
            { "kinds": {
                "rag": { "collection": "elsewhere", "capacity": 50, "limits": { "per_worker": 2 } },
                "rag:big": { "capacity": 4, "top_k": 50, "aliases": ["much"] },
                "remote:gpu-box": { "endpoints": [ { "id": "a", "base_url": "http://127.0.0.1:5000", "slots": 1, "health": "/health", "reset": "/reset" } ] } } }
            """).Kinds;

        kinds.Keys.ShouldBe(["rag", "rag:big", "remote:gpu-box"], ignoreOrder: true);
        (kinds["rag"].Collection, kinds["rag"].Limits.PerWorker, kinds["rag:big"].TopK).ShouldBe(("elsewhere", 2, 50));
        kinds["remote:gpu-box"].Endpoints.ShouldHaveSingleItem().Health.ShouldBe("/health");
    }

    [Fact]
    public void Load_SecretHeaderOfAnEndpoint_StandsInNoFault()
    {
        var loaded = Loading.Load("""{ "kinds": { "remote:x": { "endpoints": [ { "id": "A b", "base_url": "ftp://x", "headers": { "Authorization": "Bearer hush-hush", "X": 7 } } ] } } }""");

        loaded.Faults.ShouldNotBeEmpty();
        string.Join('\n', loaded.Faults).ShouldNotContain("hush");
    }
}
