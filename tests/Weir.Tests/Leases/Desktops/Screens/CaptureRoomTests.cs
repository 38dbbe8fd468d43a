using Weir.Leases.Desktops.Screens;

namespace Weir.Tests.Leases.Desktops.Screens;

public sealed class CaptureRoomTests
{
    [Fact]
    public async Task Take_MoreThanThereIs_WaitsForItAndRefusesWhoComesTooLate()
    {
        using var room = new CaptureRoom();
        var size = new ScreenSize(3840, 2160);
        var taken = Enumerable.Range(0, 200).Select(_ => room.TakeAsync(size, TestContext.Current.CancellationToken).AsTask()).ToList();

        var inside = taken.TakeWhile(task => task.IsCompleted).ToList();
        inside.Count.ShouldBeInRange(2, 4);
        (await taken[^1]).IsAcquired.ShouldBeFalse();
        taken[inside.Count].IsCompleted.ShouldBeFalse();

        (await inside[0]).Dispose();
        (await taken[inside.Count]).IsAcquired.ShouldBeTrue();
    }

    [Fact]
    public async Task Take_LargestScreenThatAnXServerCanHave_HasRoomAlone()
    {
        using var room = new CaptureRoom();
        using var place = await room.TakeAsync(new ScreenSize(4096, 4096), TestContext.Current.CancellationToken);
        place.IsAcquired.ShouldBeTrue();
    }
}
