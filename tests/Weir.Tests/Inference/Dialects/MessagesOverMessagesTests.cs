using System.Buffers;
using System.Text;
using Weir.Inference.Dialects;
using Weir.Inference.Requests;

namespace Weir.Tests.Inference.Dialects;

public sealed class MessagesOverMessagesTests
{
    [Fact]
    public void Request_ThinkingThatNobodySigned_IsLeftOutAndAllElseStays()
    {
        const string Body = """
            {"model":"r","max_tokens":1,"messages":[{"role":"user","content":"a"},
              {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"weir.unsigned"}]},
              {"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"weir.unsigned"},{"type":"thinking","thinking":"u","signature":"s"},{"type":"text","text":"\u00e9"}]},
              {"role":"user","content":[{"type":"text","text":"\"weir.unsigned\""}]}],"top_k":5}
            """;
        var output = new ArrayBufferWriter<byte>();

        new MessagesOverMessages(Operation.Messages).TranslateRequest(Encoding.UTF8.GetBytes(Body), new TranslationTarget("c/m", "m", 1, DropParams: false), output).ShouldBeNull();

        Encoding.UTF8.GetString(output.WrittenSpan).ShouldBe("""
            {"model":"m","max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"u","signature":"s"},{"type":"text","text":"\u00e9"}]},{"role":"user","content":[{"type":"text","text":"\"weir.unsigned\""}]}],"top_k":5}
            """);
    }
}
