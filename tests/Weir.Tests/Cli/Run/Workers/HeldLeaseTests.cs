using System.Net;
using Weir.Cli.Run.Workers;
using Weir.Client;
using Weir.Tests.Support;

namespace Weir.Tests.Cli.Run.Workers;

public sealed class HeldLeaseTests
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(120);

    private readonly ManualTimeProvider _time = new();
    private readonly LeaseWorld _world = new(1);

    [Fact]
    public async Task Lease_InUse_IsRenewedAtEachThirdAndGivenBack()
    {
        await using (var held = await HoldAsync())
        {
            for (var third = 1; third <= 6; third++)
            {
                // The loop waits again, up to a fifth sooner than a third, and the bound of the request before, which is longer, is gone.
                await Eventually.TrueAsync(() => _time is { ArmedTimers: 1, NextTimer: { } next } && next <= Ttl / 3);
                var wait = _time.NextTimer!.Value;
                wait.ShouldBeGreaterThanOrEqualTo(Ttl / 3 * 0.8);
                _time.Advance(wait);
                await Eventually.TrueAsync(() => _world.Renewed == third);
            }

            held.Lost.IsCancellationRequested.ShouldBeFalse();
            _world.Free.ShouldBe(0);
        }

        _world.Free.ShouldBe(1);
    }

    [Fact]
    public async Task Lease_EndedByTheServer_IsLostWithItsReason()
    {
        await using var held = await HoldAsync();
        _world.End(held.Lease.Id);

        await _time.WhenArmedAsync();
        _time.Advance(Ttl / 3);

        await Eventually.TrueAsync(() => held.Lost.IsCancellationRequested);
        held.LostReason!.ShouldContain("lease_ended");
    }

    [Fact]
    public async Task Lease_WhoseServerIsAway_OutlivesThatUntilItsTtl()
    {
        await using var held = await HoldAsync();
        var asked = 0;
        _world.Before = request =>
        {
            if (request.Method != HttpMethod.Post)
                return null;
            Interlocked.Increment(ref asked);
            throw new HttpRequestException("no route to host");
        };

        for (var second = 0; second < 119; second++)
        {
            await _time.WhenArmedAsync();
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        held.Lost.IsCancellationRequested.ShouldBeFalse();
        asked.ShouldBeGreaterThan(3);
        for (var second = 0; second < 200 && !held.Lost.IsCancellationRequested; second++)
        {
            await _time.WhenArmedAsync();
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        await Eventually.TrueAsync(() => held.Lost.IsCancellationRequested);
        held.LostReason!.ShouldContain("could not be renewed");
    }

    [Fact]
    public async Task Lease_WhoseServerComesBack_IsKept()
    {
        await using var held = await HoldAsync();
        var isAway = true;
        _world.Before = request => isAway && request.Method == HttpMethod.Post ? LeaseWorld.Problem(HttpStatusCode.ServiceUnavailable, "unavailable") : null;
        await _time.WhenArmedAsync();
        _time.Advance(TimeSpan.FromSeconds(60));

        isAway = false;
        for (var second = 0; second < 50 && _world.Renewed == 0; second++)
        {
            await _time.WhenArmedAsync();
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        await Eventually.TrueAsync(() => _world.Renewed == 1);
        held.Lost.IsCancellationRequested.ShouldBeFalse();
    }

    private async Task<HeldLease> HoldAsync()
    {
        var leases = _world.Client(_time).Leases;
        var lease = await leases.AllocateAsync(new LeaseRequest("w", [new("rag")]));
        return new HeldLease(leases, lease, Ttl, _time.GetTimestamp(), _time, new Random(1));
    }
}
