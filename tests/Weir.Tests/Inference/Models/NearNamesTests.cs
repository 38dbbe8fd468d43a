using Weir.Inference.Models;

namespace Weir.Tests.Inference.Models;

public sealed class NearNamesTests
{
    private static readonly string[] Known = ["fast", "cheap", "openai/gpt-4o-mini", "openai/gpt-4o", "groq/llama-3.1-8b-instant"];

    [Theory]
    [InlineData("fats", "fast")]
    [InlineData("FAST", "fast")]
    [InlineData("gpt-4o-mini", "openai/gpt-4o-mini")]
    [InlineData("openai/gpt4o", "openai/gpt-4o")]
    [InlineData("llama-3.1-8b", "groq/llama-3.1-8b-instant")]
    public void Of_SlipOfTheHand_NamesWhatWasMeantFirst(string name, string meant) => NearNames.Of(name, Known)[0].ShouldBe(meant);

    [Theory]
    [InlineData("")]
    [InlineData("claude-opus")]
    public void Of_NothingNear_IsEmpty(string name) => NearNames.Of(name, Known).ShouldBeEmpty();

    [Fact]
    public void Of_HugeName_IsEmptyAtOnce() => NearNames.Of(new string('a', 1_000_000), Known).ShouldBeEmpty();
}
