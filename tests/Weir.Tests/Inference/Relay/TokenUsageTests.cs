using System.Text;
using Weir.Inference.Relay;

namespace Weir.Tests.Inference.Relay;

public sealed class TokenUsageTests
{
    [Theory]
    [InlineData("""{"usage":{"prompt_tokens":3,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":2}}}""", 3, 5)]
    [InlineData("""{"usage": {"completion_tokens_details":{"completion_tokens":99},"input_tokens":4,"output_tokens":6}}""", 4, 6)]
    [InlineData("""{"usage":{"prompt_tokens":8,"total_tokens":8}}""", 8, 0)]
    [InlineData("""…cut off before {"choices":[]},"usage":{"prompt_tokens":1,"completion_tokens":2}}""", 1, 2)]
    public void TryFind_EitherWayOfCounting_IsFound(string text, long input, long output)
    {
        TokenUsage.TryFind(Encoding.UTF8.GetBytes(text), out var usage).ShouldBeTrue();
        (usage.Input, usage.Output).ShouldBe((input, output));
    }

    [Theory]
    [InlineData("""{"usage":null}""")]
    [InlineData("""{"usage":{}}""")]
    [InlineData("""{"usage":{"prompt_tokens":"3"}}""")]
    [InlineData("""{"usage":{"prompt_tokens":3""")]
    [InlineData("""{"usage":{"prompt_tokens":-3}}""")]
    [InlineData("""{"usage":{"prompt_tokens":9223372036854775807}}""")]
    [InlineData("""{"usage":{"completion_tokens":100000001}}""")]
    [InlineData("""{"note":"usage"}""")]
    [InlineData("")]
    public void TryFind_NothingWhole_IsFalse(string text) =>
        TokenUsage.TryFind(Encoding.UTF8.GetBytes(text), out _).ShouldBeFalse();

    [Theory]
    [InlineData("""{"usage":{"input_tokens":3,"cache_creation_input_tokens":20,"cache_read_input_tokens":100,"output_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":20}}}""", 123, 100, 20)]
    [InlineData("""{"usage":{"prompt_tokens":123,"completion_tokens":5,"prompt_tokens_details":{"audio_tokens":0,"cached_tokens":100}}}""", 123, 100, 0)]
    [InlineData("""{"usage":{"input_tokens":123,"input_tokens_details":{"cached_tokens":100},"output_tokens":5}}""", 123, 100, 0)]
    [InlineData("""{"usage":{"prompt_tokens":123,"completion_tokens":5,"cache_read_input_tokens":100}}""", 123, 100, 0)]
    [InlineData("""{"usage":{"prompt_tokens":3,"completion_tokens":5,"prompt_tokens_details":null}}""", 3, 0, 0)]
    public void TryFind_CachedTokens_AreCountedOnce(string text, long input, long cached, long written)
    {
        TokenUsage.TryFind(Encoding.UTF8.GetBytes(text), out var usage).ShouldBeTrue();
        usage.ShouldBe(new TokenUsage(input, 5) { CachedInput = cached, CacheWrite = written });
    }
}
