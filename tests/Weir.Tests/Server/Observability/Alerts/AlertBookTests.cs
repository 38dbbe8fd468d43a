using Weir.Server.Observability.Alerts;

namespace Weir.Tests.Server.Observability.Alerts;

public sealed class AlertBookTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch;

    [Theory]
    [InlineData("b", "")]
    [InlineData("bgb", "")]
    [InlineData("bb", "1+")]
    [InlineData("bbbbb", "1+")]
    [InlineData("bbg", "1+")]
    [InlineData("bbgbg", "1+")]
    [InlineData("bbgg", "1+ 3-")]
    [InlineData("bbggbb", "1+ 3- 5+")]
    [InlineData("ggggb", "")]
    public void Step_BeginsAndEndsAfterTwoInARow(string looks, string expected)
    {
        var book = new AlertBook(begin: 2, end: 2);

        var changes = looks.SelectMany((look, i) => book.Step([Of(look == 'b')], Start.AddMinutes(i)).Select(c => $"{i}{(c.IsBegin ? '+' : '-')}"));

        string.Join(' ', changes).ShouldBe(expected);
    }

    [Fact]
    public void Step_ARuleThatIsTurnedOff_EndsItsAlertWithTheSameId()
    {
        var book = new AlertBook(begin: 1, end: 6);
        var begun = book.Step([Of(true)], Start).Single();
        book.Active.Single().Id.ShouldBe(begun.Alert.Id);

        var ended = book.Step([], Start.AddMinutes(1)).Single();

        ended.IsBegin.ShouldBeFalse();
        ended.Alert.Id.ShouldBe(begun.Alert.Id);
        book.Active.ShouldBeEmpty();
    }

    [Fact]
    public void Step_WhileOn_SinceIsWhenItWasFirstBad()
    {
        var book = new AlertBook(begin: 2, end: 2);
        book.Step([Of(true)], Start);
        book.Step([Of(true)], Start.AddMinutes(1));

        book.Active.Single().Since.ShouldBe(Start);
    }

    private static Finding Of(bool bad) => new("success_below", "", 0.5, 0.9, bad);
}
