using Weir.Flow;
using Weir.Flow.Admission;
using Weir.Tests.Support;

namespace Weir.Tests.Flow.Admission;

public sealed class DeadlineHeapTests
{
    [Fact]
    public void AddAndRemove_Random_AlwaysShowsTheEarliest() => RandomSchedule.Run(100, random =>
    {
        using var gate = new AdmissionGate(new AdmissionLimits(), new ManualTimeProvider());
        var lane = gate.OpenLane("a");
        var heap = new DeadlineHeap();
        var present = new List<Waiter>();
        for (var step = 0; step < 500; step++)
        {
            if (present.Count == 0 || random.Next(5) < 3)
            {
                var waiter = new Waiter(lane, default, default, 0, random.Next(10) == 0 ? MonotonicClock.Never : random.Next(100));
                heap.Add(waiter);
                present.Add(waiter);
            }
            else
            {
                var leaving = random.Next(2) == 0 && heap.Next != MonotonicClock.Never ? heap.First : present[random.Next(present.Count)];
                heap.Remove(leaving);
                heap.Remove(leaving);
                present.Remove(leaving);
            }
            heap.Next.ShouldBe(present.Select(waiter => waiter.Deadline).Append(MonotonicClock.Never).Min());
        }
    });
}
