using System.Text.Json;
using Weir.Leases.Kinds;
using Weir.Server.Leases;

namespace Weir.Tests.Server.Leases;

public sealed class KindChangeTests
{
    private static readonly KindOptions Stored = new()
    {
        Capacity = 4,
        Warm = 1,
        Aliases = ["desk"],
        Size = "800x600",
        Network = DesktopNetwork.None,
        InitialiseWithin = TimeSpan.FromSeconds(90),
        Limits = new() { PerWorker = 2, PerKey = 3 },
        Settings = new Dictionary<string, string> { ["folder"] = "/srv" },
    };

    [Fact]
    public void Apply_NothingStored_HasTheDefaults()
    {
        var options = Changed(null, """{"capacity": 3}""");

        (options.Capacity, options.Warm, options.InitialiseWithin, options.Limits.PerWorker).ShouldBe((3, 0, new KindOptions().InitialiseWithin, null));
    }

    [Fact]
    public void Apply_EmptyChange_LeavesEverythingAsItIs()
    {
        var options = Changed(Stored, "{}");

        JsonSerializer.Serialize(options).ShouldBe(JsonSerializer.Serialize(Stored));
    }

    [Fact]
    public void Apply_SomeSettings_ChangesThoseAlone()
    {
        var options = Changed(Stored, """{"capacity": 9, "limits": {"per_worker": 5}, "size": null, "network": "nat"}""");

        (options.Capacity, options.Warm, options.Limits.PerWorker, options.Limits.PerKey, options.Size, options.Network).ShouldBe((9, 1, 5, 3, null, DesktopNetwork.Nat));
        options.Aliases.ShouldBe(["desk"]);
    }

    [Theory]
    [InlineData("""{"programm": "xterm"}""", "programm", "Did you mean \"program\"?")]
    [InlineData("""{"capacity": -1}""", "capacity", "Choose from 0 to 10000.")]
    [InlineData("""{"capacity": "4"}""", "capacity", "a whole number")]
    [InlineData("""{"capacity": 1, "capacity": 2}""", "capacity", "is given twice")]
    [InlineData("""{"network": "bridge"}""", "network", "nat, none")]
    [InlineData("""{"limits": {"per_key": 0}}""", "limits.per_key", "Choose from 1 to 10000.")]
    [InlineData("""{"endpoints": [{"id": "a", "slots": 0}]}""", "endpoints[0].slots", "Choose from 1 to 1000.")]
    [InlineData("""{"initialise_within": 5}""", "initialise_within", "a duration")]
    public void Apply_WrongSetting_SaysWhichAndHowToMendIt(string change, string param, string says)
    {
        var (options, error) = KindChange.Apply("vm", Stored, JsonElement.Parse(change));

        options.ShouldBeNull();
        (error!.Status, error.Code, error.Param).ShouldBe((422, "invalid_value", param));
        error.Message.ShouldContain(says);
        error.Message.ShouldNotContain("kinds.");
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("\"rag\"")]
    public void Apply_NoObject_IsMalformed(string change) => KindChange.Apply("vm", Stored, JsonElement.Parse(change)).Error!.Status.ShouldBe(400);

    [Fact]
    public void Apply_WhatIsShownSentBack_KeepsTheSecretsOfTheSameAddressAlone()
    {
        var stored = new KindOptions { Endpoints = [new() { Id = "a", BaseUrl = "http://one", Headers = new Dictionary<string, string> { ["Authorization"] = "Bearer hush" } }] };
        var shown = KindViews.DefinitionOf(stored).GetRawText();
        shown.ShouldNotContain("hush");
        shown.ShouldContain("Authorization");

        Changed(stored, shown).Endpoints[0].Headers["Authorization"].ShouldBe("Bearer hush");
        // Whoever moves the address does not get the secret sent there.
        Changed(stored, shown.Replace("http://one", "http://other", StringComparison.Ordinal)).Endpoints[0].Headers["Authorization"].ShouldNotContain("hush");
    }

    private static KindOptions Changed(KindOptions? stored, string change)
    {
        var (options, error) = KindChange.Apply("vm", stored, JsonElement.Parse(change));
        error.ShouldBeNull(error?.Message);
        return options.ShouldNotBeNull();
    }
}
