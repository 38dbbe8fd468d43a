using Weir.Leases.Fleet;

namespace Weir.Tests.Leases.Fleet;

public sealed class FleetSignalsTests
{
    private readonly FleetSignals _signals = new();

    [Fact]
    public void Reached_SeveralWaitForTheSame_IsOneSignalForAllOfThem()
    {
        var (one, other, later) = (_signals.At(7), _signals.At(7), _signals.At(9));
        other.ShouldBeSameAs(one);
        var due = new List<TaskCompletionSource>();

        _signals.Reached(8, due);

        due.ShouldHaveSingleItem().Task.ShouldBeSameAs(one);
        _signals.Reached(9, due);
        due.Count.ShouldBe(2);
        due[1].Task.ShouldBeSameAs(later);
    }

    [Fact]
    public void At_WhatWasReachedBefore_IsANewSignal()
    {
        var first = _signals.At(7);
        var due = new List<TaskCompletionSource>();
        _signals.Reached(7, due);

        _signals.At(7).ShouldNotBeSameAs(first);
    }
}
