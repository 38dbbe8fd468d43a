using Weir.Leases;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Upkeep;

public sealed class KindDeskTests : IAsyncLifetime
{
    private readonly UpkeepFleet _fleet = new();
    private UpkeepReplica _replica = null!;

    public async ValueTask InitializeAsync() => _replica = await _fleet.StartAsync("a");

    public ValueTask DisposeAsync() => _fleet.DisposeAsync();

    [Theory]
    [InlineData("nope", 1, "unknown_kind", "There is no sort 'nope'; there are box, cell, seat.")]
    [InlineData("Seat", 1, "unknown_kind", "is no name of a kind")]
    [InlineData("seat:", 1, "invalid_value", "is no name of a kind")]
    [InlineData("seat", null, "invalid_value", "capacity is missing")]
    [InlineData("seat", -1, "invalid_value", "capacity must be from 0 to 10000")]
    [InlineData("seat", 10_001, "invalid_value", "capacity must be from 0 to 10000")]
    public async Task Put_WhatCannotBe_IsRefusedWithTheSetting(string name, int? capacity, string code, string message)
    {
        var error = (await _replica.Desk.PutAsync(name, new KindOptions { Capacity = capacity }, default)).Error!;
        (error.Status, error.Code).ShouldBe((422, code));
        error.Message.ShouldContain(message);
    }

    [Fact]
    public async Task Put_FaultsOfEverySort_AreToldTogether()
    {
        var bad = new KindOptions { Capacity = -1, ResetWithin = TimeSpan.Zero, Limits = new KindLimitOptions { PerKey = 0 }, Aliases = ["x", "x", "B!"] };
        var error = (await _replica.Desk.PutAsync("seat", bad, default)).Error!;
        foreach (var setting in (string[])["capacity", "reset_within", "limits.per_key", "aliases.1", "aliases.2"])
            error.Message.ShouldContain(setting);
        error.Param.ShouldBe("capacity");
        (await _replica.Desk.PutAsync("seat", new KindOptions { Capacity = 2, Warm = 1 }, default)).Error!.Param.ShouldBe("warm");
        (await _replica.Desk.PutAsync("box", new KindOptions { Capacity = 2, Warm = 3 }, default)).Error!.Message.ShouldContain("at most the capacity, 2");
        (await _replica.Desk.PutAsync("cell", new KindOptions { Capacity = 2, Program = "bad" }, default)).Error!.Message.ShouldBe("program is bad.");
    }

    [Fact]
    public async Task Put_AliasThatMeansAnother_IsRefusedBothWays()
    {
        await _fleet.PutKindAsync("seat", new KindOptions { Capacity = 1, Aliases = ["chair", "cell:x"] });
        (await _replica.Desk.PutAsync("box", new KindOptions { Capacity = 1, Aliases = ["chair"] }, default)).Error!.Message.ShouldContain("already means 'seat'");
        (await _replica.Desk.PutAsync("box", new KindOptions { Capacity = 1, Aliases = ["seat"] }, default)).Error!.Message.ShouldContain("already means 'seat'");
        (await _replica.Desk.PutAsync("cell:x", new KindOptions { Capacity = 1 }, default)).Error!.Message.ShouldContain("is an alias of 'seat'");
    }

    [Fact]
    public async Task Put_TheSameAgain_WritesNothing()
    {
        var options = new KindOptions { Capacity = 1, Settings = new Dictionary<string, string> { ["a"] = "1" } };
        var first = await _replica.Desk.PutAsync("seat", options, default);
        var again = await _replica.Desk.PutAsync("seat", options with { Settings = new Dictionary<string, string> { ["a"] = "1" } }, default);
        again.Kind!.Version.ShouldBe(first.Kind!.Version);
    }

    [Fact]
    public async Task Quarantine_OfAFreeOne_StaysUntilItIsRestored()
    {
        await _fleet.PutKindAsync("cell", new KindOptions { Capacity = 1, ResetWithin = TimeSpan.FromHours(1) });
        await _fleet.UntilAsync(() => State("cell.0") == ResourceState.Free);
        (await _replica.Desk.QuarantineAsync("cell.0", "smells", default)).ShouldBeNull();
        for (var i = 0; i < 100; i++)
            await _fleet.PassAsync(TimeSpan.FromSeconds(10));
        var record = (await _fleet.ReadAsync("cell.0"))!.Value;
        (record.State, record.Held, record.Reason).ShouldBe((ResourceState.Quarantined, true, "smells"));

        (await _replica.Desk.RestoreAsync("cell.0", default)).ShouldBeNull();
        await _fleet.UntilAsync(() => State("cell.0") == ResourceState.Free);
        (await _replica.Desk.RestoreAsync("cell.0", default)).ShouldBeNull();
        (await _replica.Desk.QuarantineAsync("cell.9", null, default))!.Code.ShouldBe("not_found");
    }

    [Fact]
    public async Task Quarantine_OfALeasedOne_TakesItFromItsLeaseWhichGoesOnUnderItsFence()
    {
        await _fleet.PutKindAsync("seat", new KindOptions { Capacity = 2 });
        await _fleet.UntilAsync(() => _fleet.View.Resources("seat").Count == 2);
        var lease = (await _fleet.LeaseAsync("seat.0", "seat.1"))!;

        (await _replica.Desk.QuarantineAsync("seat.0", null, default)).ShouldBeNull();
        var left = _fleet.View.Lease(lease.Value.Id)!;
        (left.Value.State, left.Value.FenceOf(left.Version)).ShouldBe((LeaseState.Ready, lease.Version));
        left.Value.Holdings.ShouldHaveSingleItem().Resource.ShouldBe("seat.1");
        (await _replica.Desk.QuarantineAsync("seat.1", null, default)).ShouldBeNull();
        var ended = _fleet.View.Lease(lease.Value.Id)!.Value;
        (ended.State, ended.FailureCode).ShouldBe((LeaseState.Failed, "resource_quarantined"));
        _fleet.View.Resources("seat").ShouldAllBe(resource => resource.Value.State == ResourceState.Quarantined);
    }

    [Fact]
    public async Task Status_CountsEachState()
    {
        await _fleet.PutKindAsync("seat", new KindOptions { Capacity = 4 });
        await _fleet.UntilAsync(() => _fleet.View.Resources("seat").Count == 4);
        await _fleet.LeaseAsync("seat.0");
        await _replica.Desk.QuarantineAsync("seat.1", null, default);
        var status = _replica.Desk.Status().ShouldHaveSingleItem();
        (status.Name, status.Total, status.Free, status.Leased, status.Resetting, status.Quarantined, status.Waiting).ShouldBe(("seat", 4, 2, 1, 0, 1, 0));
    }

    private ResourceState? State(string id) => _fleet.View.Resource(id)?.Value.State;
}
