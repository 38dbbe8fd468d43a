using System.Text;
using Weir.Inference.Measuring;

namespace Weir.Tests.Inference.Measuring;

public sealed class AnswerFactsTests
{
    [Theory]
    [InlineData("""{"choices":[{"message":{"content":"\"model\": \"lie\""},"finish_reason":"stop"},{"finish_reason": "length"}],"model" : "m-1"}""", "m-1", "stop,length")]
    [InlineData("""{"model":"claude","content":[],"stop_reason":"end_turn","stop_sequence":null}""", "claude", "end_turn")]
    [InlineData("data: {\"model\":\"m\",\"choices\":[{\"finish_reason\":null}]}\n\n", "m", null)]
    [InlineData("{\"model\":7,\"finish_reason\":\"", null, null)]
    [InlineData("""{"model":"a\u0001b"}""", null, null)]
    [InlineData("", null, null)]
    public void Of_AnyAnswer_IsWhatItSays(string answer, string? model, string? reasons)
    {
        var bytes = Encoding.UTF8.GetBytes(answer);

        AnswerFacts.ModelOf(bytes).ShouldBe(model);
        AnswerFacts.FinishReasonsOf(bytes).ShouldBe(reasons?.Split(','));
    }
}
