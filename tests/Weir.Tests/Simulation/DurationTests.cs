using Weir.Simulation;

namespace Weir.Tests.Simulation;

public sealed class DurationTests
{
    [Theory]
    [InlineData("200ms", 200)]
    [InlineData("1.5s", 1500)]
    [InlineData(" 2m ", 120_000)]
    [InlineData("1h", 3_600_000)]
    [InlineData("0", 0)]
    [InlineData("0ms", 0)]
    [InlineData("24h", 86_400_000)]
    public void TryParse_WhatPeopleWrite_IsRead(string text, double milliseconds)
    {
        Duration.TryParse(text, out var value).ShouldBeTrue();
        value.TotalMilliseconds.ShouldBe(milliseconds);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("ms")]
    [InlineData("5")]
    [InlineData("-1s")]
    [InlineData("1e3ms")]
    [InlineData("25h")]
    [InlineData("1 day")]
    [InlineData("1,5s")]
    [InlineData("9999999999999999999999h")]
    public void TryParse_AnythingElse_IsRefused(string? text) => Duration.TryParse(text, out _).ShouldBeFalse();
}
