using Weir.Leases.Kinds;

namespace Weir.Tests.Server.Configuration.Validation;

public sealed class KindValidatorTests
{
    [Theory]
    [InlineData(""" "rga": { "capacity": 1 } """, "kinds.rga", "Did you mean \"rag\"")]
    [InlineData(""" "printer": { "capacity": 1 } """, "kinds.printer", "There are rag, vm, remote")]
    [InlineData(""" "Rag": { "capacity": 1 } """, "kinds.Rag", "is not a name for a kind")]
    [InlineData(""" "rag:": { "capacity": 1 } """, "kinds.rag:", "is not a name for a kind")]
    [InlineData(""" "rag": { } """, "kinds.rag.capacity", "is missing. Say how many there are")]
    [InlineData(""" "rag": { "capacity": -1 } """, "kinds.rag.capacity", "10000")]
    [InlineData(""" "rag": { "capacity": 2, "warm": 3 } """, "kinds.rag.warm", "more than capacity")]
    [InlineData(""" "rag": { "capacity": 2, "aliases": ["a b"] } """, "kinds.rag.aliases[0]", "is not a name")]
    [InlineData(""" "rag": { "capacity": 2, "aliases": ["vm"] }, "vm": { "capacity": 1 } """, "kinds.rag.aliases", "means the kind \"vm\"")]
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
                "vm": { "capacity": 4, "warm": 1, "size": "1280x800", "network": "nat", "program": "chromium", "aliases": ["vm_pyautogui"] },
                "remote:gpu-box": { "endpoints": [ { "id": "a", "base_url": "http://127.0.0.1:5000", "slots": 1, "health": "/health", "reset": "/reset" } ] } } }
            """).Kinds;

        kinds.Keys.ShouldBe(["rag", "vm", "remote:gpu-box"], ignoreOrder: true);
        (kinds["rag"].Collection, kinds["rag"].Limits.PerWorker, kinds["vm"].Network).ShouldBe(("elsewhere", 2, DesktopNetwork.Nat));
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
