using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Models;

namespace Weir.EndToEnd.Sdks;

[Collection(TwoDialects.Name)]
public sealed class OpenAISdkTests(TwoDialects weir)
{
    private static readonly ChatTool Weather = ChatTool.CreateFunctionTool(
        "weather", "Of a city", BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}"""));

    private static readonly ChatTool Time = ChatTool.CreateFunctionTool("time");

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task CompleteChat_Prompt_IsAnswered(string model)
    {
        ChatCompletion answer = await Client(model).CompleteChatAsync([new SystemChatMessage("Be brief."), new UserChatMessage("hello")]);

        answer.Content.Single().Text.ShouldContain(" to: hello.");
        answer.FinishReason.ShouldBe(ChatFinishReason.Stop);
        answer.Usage.OutputTokenCount.ShouldBe(32);
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task CompleteChatStreaming_Prompt_IsAnsweredInPieces(string model)
    {
        var text = new StringBuilder();
        var tokens = 0;
        await foreach (var update in Client(model).CompleteChatStreamingAsync([new UserChatMessage("hello")]))
        {
            foreach (var part in update.ContentUpdate)
                text.Append(part.Text);
            tokens = update.Usage?.OutputTokenCount ?? tokens;
        }

        text.ToString().ShouldContain(" to: hello.");
        tokens.ShouldBe(32);
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task CompleteChat_Tools_GoRoundAndComeBack(string model)
    {
        var options = new ChatCompletionOptions { Tools = { Weather, Time } };
        List<ChatMessage> messages = [new UserChatMessage("call weather with {\"city\":\"Zürich\"} and call time")];

        ChatCompletion first = await Client(model).CompleteChatAsync(messages, options);
        first.FinishReason.ShouldBe(ChatFinishReason.ToolCalls);
        first.ToolCalls.Select(call => call.FunctionName).ShouldBe(["weather", "time"]);
        messages.Add(new AssistantChatMessage(first));
        messages.Add(new ToolChatMessage(first.ToolCalls[0].Id, "rain"));
        messages.Add(new ToolChatMessage(first.ToolCalls[1].Id, "noon"));
        ChatCompletion second = await Client(model).CompleteChatAsync(messages, options);

        second.Content.Single().Text.ShouldContain(" to: rain noon.");
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task CompleteChat_Image_IsTaken(string model)
    {
        var content = new UserChatMessage(ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(new byte[3]), "image/png"), ChatMessageContentPart.CreateTextPart("look here"));

        ChatCompletion answer = await Client(model).CompleteChatAsync([content]);

        answer.Content.Single().Text.ShouldContain(" to: look here.");
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task Models_OfEitherProvider_AreListed(string model)
    {
        OpenAIModelCollection models = await new OpenAIModelClient(new ApiKeyCredential("any"), Options()).GetModelsAsync();

        models.Select(entry => entry.Id).ShouldContain(model);
    }

    [Theory]
    [InlineData("openai", 400)]
    [InlineData("anthropic", 400)]
    [InlineData("nothing-like-it", 404)]
    public async Task CompleteChat_Mistake_HasItsStatus(string model, int status)
    {
        var body = BinaryContent.Create(BinaryData.FromString($$"""{"model":"{{model}}","messages":[]}"""));

        (await Should.ThrowAsync<ClientResultException>(() => Client(model).CompleteChatAsync(body))).Status.ShouldBe(status);
    }

    private ChatClient Client(string model) => new(model, new ApiKeyCredential("any"), Options());

    private OpenAIClientOptions Options() => new() { Endpoint = new Uri(weir.Url + "/v1"), RetryPolicy = new ClientRetryPolicy(maxRetries: 0) };
}
