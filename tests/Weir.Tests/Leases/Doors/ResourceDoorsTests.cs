using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Kinds;
using Weir.State;
using Weir.Tests.Support;

namespace Weir.Tests.Leases.Doors;

public sealed class ResourceDoorsTests : IAsyncDisposable
{
    private readonly DoorFixture _it = new();

    public ValueTask DisposeAsync() => _it.DisposeAsync();

    [Fact]
    public async Task Enter_WithTheGrantsToken_SaysWhoHoldsWhatAndHowItWasMade()
    {
        await _it.Fleet.DefineAsync("rag", new KindOptions { Collection = "handbook" });
        var config = JsonDocument.Parse("""{"top_k":3}""").RootElement;
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1", home: "home", config: config);

        var (resource, error) = await _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l1", fence));

        error.ShouldBeNull();
        resource!.Session.ShouldBe(new LeaseSession("l1", fence, "w1", "t1", "loopback"));
        resource.Options.Collection.ShouldBe("handbook");
        resource.Config!.Value.GetProperty("top_k").GetInt32().ShouldBe(3);
        resource.Resource.Home.ShouldBe("home");
        _it.Doors.AddressOf("rag.3").ShouldBe("http://weir.example:7800/base/doors/rag.3");
    }

    [Fact]
    public async Task Enter_WithoutARightToken_Is401WhetherThereIsSuchAResourceOrNot()
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1");

        foreach (var token in (string?[])[null, "", "x", "weirdoor_l1.5.x", _it.Doors.TokenOf("rag.4", "l1", fence)])
        {
            (await _it.Doors.EnterAsync("rag.3", token, CancellationToken.None)).Error!.Status.ShouldBe(401);
            (await _it.Doors.EnterAsync("rag.9", token, CancellationToken.None)).Error!.Status.ShouldBe(401);
        }

        (await _it.EnterAsync("rag.9", _it.Doors.TokenOf("rag.9", "l1", fence))).Error!.Code.ShouldBe("not_found");
    }

    [Fact]
    public async Task Enter_AfterTheResourceWasGrantedAgain_RefusesTheOldToken()
    {
        var first = await _it.Fleet.GrantAsync("rag.3", "l1");
        await _it.Fleet.EndAsync("rag.3", "l1");
        var second = await _it.Fleet.GrantAsync("rag.3", "l2");
        await _it.Fleet.ReadAllAsync();

        (await _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l1", first))).Error!.Code.ShouldBe("lease_ended");
        (await _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l2", first))).Error!.Code.ShouldBe("lease_ended");
        (await _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l2", second))).Error.ShouldBeNull();
    }

    [Fact]
    public async Task Enter_AfterRelease_Is410AndSaysWhy()
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1");
        await _it.Fleet.EndAsync("rag.3", "l1");
        await _it.Fleet.ReadAllAsync();

        var error = (await _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l1", fence))).Error!;

        (error.Status, error.Code).ShouldBe((410, "lease_ended"));
    }

    [Fact]
    public async Task Enter_TheResetAfterItsLeaseFailed_SaysOnlyThatTheLeaseHasEnded()
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1");
        await _it.Fleet.EndAsync("rag.3", "l1", ResourceState.Quarantined, "The endpoint 'a' answered POST /reset with 500: secrets of the next one");
        await _it.Fleet.ReadAllAsync();

        var error = (await _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l1", fence))).Error!;

        (error.Status, error.Code, error.Message).ShouldBe((410, "lease_ended", "The lease has ended: It was released."));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Enter_TakenFromItsLease_SaysWhatTheHolderWasToldAndNothingOfTheResource(bool isLast)
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1");
        await _it.Fleet.TakeAsync("rag.3", "l1", isLast, "rag.3 was taken out of use: it smells", "what a check said");
        await _it.Fleet.ReadAllAsync();

        var error = (await _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l1", fence))).Error!;

        (error.Status, error.Code).ShouldBe((410, "resource_quarantined"));
        error.Message.ShouldContain("rag.3 was taken out of use: it smells. ");
        error.Message.ShouldNotContain("check");
    }

    [Fact]
    public async Task Enter_OneGivenBackAndAnotherTaken_SaysOfEachWhatBecameOfIt()
    {
        var first = await _it.Fleet.GrantAsync("rag.3", "l1");
        await _it.Fleet.TakeAsync("rag.3", "l1", isLast: false, "rag.3 was taken out of use: it smells", "it smells");
        await _it.Fleet.ReadAllAsync();
        _it.Fleet.Lease("l1")!.Value.Losing(new TakenResource("rag.4", "resource_lost", "the desktop ended (rag.4)")).ShouldSatisfyAllConditions(
            lease => lease.Reason.ShouldBe("the desktop ended (rag.4)"), lease => lease.Taken.Select(taken => taken.Resource).ShouldBe(["rag.3", "rag.4"]));

        var error = (await _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l1", first))).Error!;

        error.Message.ShouldBe("The lease does not hold the resource any more: rag.3 was taken out of use: it smells. Go on with the rest of it, or release it and ask for another.");
    }

    [Fact]
    public async Task Enter_TakenFromALeaseThatIsOverByNow_SaysThatItHasEnded()
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1", TimeSpan.FromSeconds(10));
        await _it.Fleet.TakeAsync("rag.3", "l1", isLast: false, "rag.3 was taken out of use: it smells", "it smells");
        await _it.Fleet.ReadAllAsync();
        _it.Time.Advance(TimeSpan.FromSeconds(10));

        var error = (await _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l1", fence))).Error!;

        error.Code.ShouldBe("lease_ended");
        error.Message.ShouldNotContain("smells");
    }

    [Fact]
    public async Task Enter_AtTheEndInStoreTime_IsRefusedThoughNobodyHasExpiredIt()
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1", TimeSpan.FromSeconds(10));
        var token = _it.Doors.TokenOf("rag.3", "l1", fence);
        (await _it.EnterAsync("rag.3", token)).Error.ShouldBeNull();

        // The machine's calendar is nobody's business.
        _it.Time.JumpUtc(TimeSpan.FromDays(400));
        _it.Time.Advance(TimeSpan.FromMilliseconds(9_999));
        (await _it.EnterAsync("rag.3", token)).Error.ShouldBeNull();
        _it.Time.Advance(TimeSpan.FromMilliseconds(1));
        (await _it.EnterAsync("rag.3", token)).Error!.Code.ShouldBe("lease_ended");
    }

    [Fact]
    public async Task Enter_WithATokenNewerThanTheFeed_WaitsForIt()
    {
        await _it.Fleet.GrantAsync("rag.0", "l0");
        await _it.Fleet.ReadAllAsync();
        _it.Fleet.Hold();
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1");

        var entering = _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l1", fence));
        await _it.Time.WhenArmedAsync();
        entering.IsCompleted.ShouldBeFalse();
        _it.Fleet.Go();

        (await entering).Error.ShouldBeNull();
    }

    [Fact]
    public async Task Enter_WithATokenNewerThanAFeedThatDoesNotCome_Is503AfterTwoSeconds()
    {
        await _it.Fleet.GrantAsync("rag.0", "l0");
        await _it.Fleet.ReadAllAsync();
        _it.Fleet.Hold();
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1");
        var began = _it.Time.Elapsed;

        var entering = _it.EnterAsync("rag.3", _it.Doors.TokenOf("rag.3", "l1", fence));

        (await _it.Time.UntilAsync(entering, TimeSpan.FromSeconds(3))).Error!.Code.ShouldBe("feed_behind");
        (_it.Time.Elapsed - began).ShouldBeGreaterThanOrEqualTo(TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task Enter_FeedHeldBackWhileTheStoreGoesOn_ShutsWithinSecondsAndOpensAgain()
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1");
        var token = _it.Doors.TokenOf("rag.3", "l1", fence);
        (await _it.EnterAsync("rag.3", token)).Error.ShouldBeNull();
        _it.Fleet.Hold();
        // Given back and granted again elsewhere: this replica has not heard of it.
        await _it.Fleet.EndAsync("rag.3", "l1");

        LeaseErrorOf(await _it.EnterAsync("rag.3", token)).ShouldBeNull();
        _it.Time.Advance(FeedFreshness.Longest + TimeSpan.FromMilliseconds(1));
        var entering = _it.EnterAsync("rag.3", token);
        await _it.Time.UntilAsync(() => entering.IsCompleted);
        LeaseErrorOf(await entering).ShouldBe("feed_behind");

        _it.Fleet.Go();
        await _it.Fleet.ReadAllAsync();
        LeaseErrorOf(await _it.EnterAsync("rag.3", token)).ShouldBe("lease_ended");
    }

    [Fact]
    public async Task Enter_AfterAPauseOfTheProcess_LooksBeforeItAnswers()
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1", TimeSpan.FromHours(10));
        var token = _it.Doors.TokenOf("rag.3", "l1", fence);
        (await _it.EnterAsync("rag.3", token)).Error.ShouldBeNull();

        // Stopped for an hour; meanwhile it was released, and when it goes on its feed is slower than the request.
        _it.Fleet.Hold();
        await _it.Fleet.EndAsync("rag.3", "l1");
        _it.Time.Advance(TimeSpan.FromHours(1));
        var entering = _it.EnterAsync("rag.3", token);
        await _it.Time.WhenArmedAsync();
        entering.IsCompleted.ShouldBeFalse();
        _it.Fleet.Go();

        LeaseErrorOf(await entering).ShouldBe("lease_ended");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Enter_WhileTheStoreIsAway_GoesOnUntilTheEnd(bool isSilent)
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1", TimeSpan.FromSeconds(30));
        var token = _it.Doors.TokenOf("rag.3", "l1", fence);
        (await _it.EnterAsync("rag.3", token)).Error.ShouldBeNull();
        (_it.Store.IsAway, _it.Store.IsSilent) = (!isSilent, isSilent);

        var end = _it.Inner.Clock.Now + TimeSpan.FromSeconds(30);
        while (true)
        {
            var entering = _it.EnterAsync("rag.3", token);
            await _it.Time.UntilAsync(() => entering.IsCompleted);
            var now = _it.Inner.Clock.Now;
            if (LeaseErrorOf(await entering) is { } code)
            {
                code.ShouldBe("lease_ended");
                now.ShouldBeGreaterThanOrEqualTo(end);
                return;
            }

            now.ShouldBeLessThan(end + TimeSpan.FromSeconds(1));
            await _it.Time.PassAsync(TimeSpan.FromMilliseconds(700));
        }
    }

    [Fact]
    public async Task Enter_ManyTimes_AsksTheStoreAboutOnceASecondAndNotAtAllWhenNobodyEnters()
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1");
        var token = _it.Doors.TokenOf("rag.3", "l1", fence);
        for (var i = 0; i < 200; i++)
        {
            (await _it.EnterAsync("rag.3", token)).Error.ShouldBeNull();
            await _it.Time.PassAsync(TimeSpan.FromMilliseconds(50));
        }

        _it.Store.Asked.ShouldBeInRange(5, 11);
        var asked = _it.Store.Asked;
        await _it.Time.PassAsync(TimeSpan.FromSeconds(20));
        _it.Store.Asked.ShouldBe(asked);
    }

    [Fact]
    public async Task Enter_JustAfterAStart_WaitsUntilTheFleetIsRead()
    {
        var fence = await _it.Fleet.GrantAsync("rag.3", "l1");
        await using var started = new StoredFleet(_it.Inner, _it.Time, isHeld: true);
        var freshness = new FeedFreshness(_it.Store, StoredFleet.Partition, started, _it.Time, NullLogger<FeedFreshness>.Instance);
        var doors = new ResourceDoors(started, _it.Store, _it.Signer, freshness, new Place("home", null));

        var entering = doors.EnterAsync("rag.3", doors.TokenOf("rag.3", "l1", fence), CancellationToken.None).AsTask();

        entering.IsCompleted.ShouldBeFalse();
        started.Go();
        (await entering).Error.ShouldBeNull();
    }

    [Fact]
    public async Task Enter_BeforeTheSecretIsRead_Is503()
    {
        var doors = new ResourceDoors(_it.Fleet, _it.Store, new DoorSigner(), _it.Freshness, new Place("home", null));

        var error = (await doors.EnterAsync("rag.3", "weirdoor_l.1.x", CancellationToken.None)).Error!;

        (error.Status, error.RetryAfter).ShouldBe((503, TimeSpan.FromSeconds(1)));
        Should.Throw<StoreUnavailableException>(() => doors.TokenOf("rag.3", "l", 1));
    }

    private static string? LeaseErrorOf(DoorEntry entry) => entry.Error?.Code;
}
