using System.Text.Json;
using Weir.Leases;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.State;

namespace Weir.Tests.Leases.Doors;

public sealed class LocalKindsTests
{
    private static readonly ResourceInstance Named = new("i1", null);

    private readonly LookedFor _instances = new();
    private readonly TankKind _tanks = new();
    private readonly LocalKinds _kinds;

    public LocalKindsTests() => _kinds = new LocalKinds(new ResourceKinds([new RegisteredKind(TankKind.Sort, _tanks)]), new KindSorts([TankKind.Sort]), _instances);

    [Fact]
    public async Task Use_BeforeItIsKnownWhatOfAFormerRunStands_WaitsForThat()
    {
        var using_ = _kinds.UseAsync(Leased(), new KindCall("level", null), default);
        var observing = _kinds.ObserveAsync(Leased(), default);
        var initialising = _kinds.InitialiseAsync(Leased(), null, default);
        (using_.IsCompleted || observing.IsCompleted || initialising.IsCompleted).ShouldBeFalse();
        _tanks.Asked.ShouldBe(0);

        _instances.Answer.SetResult(KindResult.Of(Named));

        (await using_).Error.ShouldBeNull();
        (await observing).Error.ShouldBeNull();
        (await initialising).Error.ShouldBeNull();
        _tanks.Asked.ShouldBe(3);
    }

    [Fact]
    public async Task Use_WhatStoodBehindItHasEnded_SaysSoWithoutAskingTheKind()
    {
        _instances.Answer.SetResult(KindResult.Failed<ResourceInstance>(new LeaseError(503, "resource_lost", "what stood behind tank.home.0 ended")));

        (await _kinds.ObserveAsync(Leased(), default)).Error!.Code.ShouldBe("resource_lost");
        (await _kinds.InitialiseAsync(Leased(), null, default)).Error!.Code.ShouldBe("resource_lost");
        (await _kinds.UseAsync(Leased(), new KindCall("level", null), default)).Error!.Code.ShouldBe("resource_lost");
        _tanks.Asked.ShouldBe(0);
    }

    [Theory]
    [InlineData(32, null, null)]
    [InlineData(33, "nested too deeply", null)]
    [InlineData(60, "nested too deeply", null)]
    [InlineData(61, "nested too deeply", "nested too deeply")]
    [InlineData(0, "half of a surrogate pair", "half of a surrogate pair")]
    public async Task Told_WhatCouldNotBeWritten_IsAFaultOfTheKind(int levels, string? details, string? tree)
    {
        _instances.Answer.SetResult(KindResult.Of(Named));
        _tanks.Told = JsonElement.Parse(levels == 0 ? """{"a":["\ud800"]}""" : new string('[', levels) + new string(']', levels));

        Says((await _kinds.InitialiseAsync(Leased(), null, default)).Error, details);
        Says((await _kinds.ObserveAsync(Leased(), default)).Error, tree);

        static void Says(LeaseError? error, string? says)
        {
            (error is null).ShouldBe(says is null);
            error?.Message.ShouldContain(says!);
        }
    }

    private static LeasedResource Leased() => new(
        new ResourceRecord { Id = "tank.home.0", Kind = "tank", Slot = "home.0", Home = "home", State = ResourceState.Leased, Lease = "l1", Instance = Named },
        new KindOptions(), new LeaseSession("l1", 7, "w", "t", "k"), null);

    private sealed class LookedFor : IInstances
    {
        public TaskCompletionSource<KindResult<ResourceInstance>> Answer { get; } = new();

        public bool AreKnown(string kind) => Answer.Task.IsCompleted;

        public async ValueTask<KindResult<ResourceInstance>> EnsureAsync(Stored<ResourceRecord> resource, string leaseId, CancellationToken cancellationToken) => await Answer.Task.WaitAsync(cancellationToken);
    }

    private sealed class TankKind : ResourceKind, IKindOfSort
    {
        private int _asked;

        public static KindSort Sort { get; } = new("tank") { TraitsOf = _ => KindTraits.Instances };

        /// <summary>Its details, and its tree. Null: how often it was asked, and none.</summary>
        public JsonElement? Told { get; set; }

        public int Asked => Volatile.Read(ref _asked);

        public override ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken) => ValueTask.FromResult(KindResult.Of<JsonElement?>(Told ?? Count()));

        public override ValueTask<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken)
        {
            Count();
            return ValueTask.FromResult(KindResult.Of(Told is null ? null : new Observation { AccessibilityTree = Told }));
        }

        public override ValueTask<KindReply> UseAsync(LeasedResource resource, KindCall call, CancellationToken cancellationToken) => ValueTask.FromResult(new KindReply { Body = JsonSerializer.SerializeToUtf8Bytes(Count()) });

        private JsonElement Count() => JsonSerializer.SerializeToElement(Interlocked.Increment(ref _asked));
    }
}
