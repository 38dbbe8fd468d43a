using System.Text;
using System.Text.Json;
using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;

namespace Weir.EndToEnd.Sdks;

[Collection(TwoDialects.Name)]
public sealed class AnthropicSdkTests(TwoDialects weir)
{
    private readonly AnthropicClient _client = new() { BaseUrl = weir.Url, ApiKey = "any", MaxRetries = 0, ResponseValidation = true };

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task Create_Prompt_IsAnswered(string model)
    {
        var message = await _client.Messages.Create(Ask(model, new UserMessageParam("hello")));

        Text(message).ShouldContain(" to: hello.");
        message.StopReason!.Value().ShouldBe(StopReason.EndTurn);
        message.Usage.OutputTokens.ShouldBe(32);
        message.Usage.InputTokens.ShouldBeGreaterThan(0);
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task CreateStreaming_Prompt_IsAnsweredInPieces(string model)
    {
        var text = new StringBuilder();
        StopReason? reason = null;
        long tokens = 0;
        await foreach (var item in _client.Messages.CreateStreaming(Ask(model, new UserMessageParam("hello"))))
        {
            if (item.TryPickContentBlockDelta(out var piece) && piece.Delta.TryPickText(out var delta))
                text.Append(delta.Text);
            if (item.TryPickDelta(out var end))
                (reason, tokens) = (end.Delta.StopReason!.Value(), end.Usage.OutputTokens);
        }

        text.ToString().ShouldContain(" to: hello.");
        reason.ShouldBe(StopReason.EndTurn);
        tokens.ShouldBe(32);
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task Create_ToolsAndThinking_GoRoundAndComeBack(string model)
    {
        var question = new UserMessageParam("call weather with {\"city\":\"Zürich\"} and call time");
        var first = await _client.Messages.Create(Ask(model, question) with { Thinking = new ThinkingConfigEnabled(1024) });

        first.StopReason!.Value().ShouldBe(StopReason.ToolUse);
        List<ContentBlockParam> said = [], results = [];
        foreach (var block in first.Content)
        {
            if (block.TryPickThinking(out var thinking))
                said.Add(new ThinkingBlockParam { Thinking = thinking.Thinking, Signature = thinking.Signature });
            if (block.TryPickToolUse(out var call))
            {
                said.Add(new ToolUseBlockParam { ID = call.ID, Name = call.Name, Input = call.Input });
                results.Add(new ToolResultBlockParam(call.ID) { Content = call.Name == "weather" ? "rain in " + call.Input["city"].GetString() : "noon" });
            }
        }

        said.Count.ShouldBe(3);
        var second = await _client.Messages.Create(Ask(
            model, question, new AssistantMessageParam(said), new UserMessageParam(results)));
        Text(second).ShouldContain(" to: rain in Zürich noon.");
    }

    [Fact]
    public async Task Create_ThinkingOfOneProvider_IsNoOffenceToTheOther()
    {
        var question = new UserMessageParam("hello");
        var first = await _client.Messages.Create(Ask("openai", question) with { OutputConfig = new() { Effort = Effort.Low } });
        List<ContentBlockParam> said = [];
        foreach (var block in first.Content)
        {
            if (block.TryPickThinking(out var thinking))
                said.Add(new ThinkingBlockParam { Thinking = thinking.Thinking, Signature = thinking.Signature });
            if (block.TryPickText(out var text))
                said.Add(new TextBlockParam(text.Text));
        }

        said.Count.ShouldBe(2);
        var second = await _client.Messages.Create(Ask("anthropic", question, new AssistantMessageParam(said), new UserMessageParam("and now?")));
        Text(second).ShouldContain(" to: and now?");
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task Create_Image_IsTaken(string model)
    {
        List<ContentBlockParam> content = [new ImageBlockParam(new Base64ImageSource { Data = "AAAA", MediaType = MediaType.ImagePng }), new TextBlockParam("look here")];

        Text(await _client.Messages.Create(Ask(model, new UserMessageParam(content)))).ShouldContain(" to: look here.");
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task CountTokensAndModels_OfEitherProvider_Answer(string model)
    {
        (await _client.Messages.CountTokens(new() { Model = model, Messages = [new UserMessageParam("hello")] })).InputTokens.ShouldBeGreaterThan(0);
        (await _client.Models.List()).Items.Select(entry => entry.ID).ShouldContain(model);
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("anthropic")]
    public async Task Create_Mistake_IsTheExceptionOfItsKind(string model)
    {
        await Should.ThrowAsync<AnthropicBadRequestException>(() => _client.Messages.Create(Ask(model)));
        await Should.ThrowAsync<AnthropicNotFoundException>(() => _client.Messages.Create(Ask("nothing-like-it", new UserMessageParam("hello"))));
    }

    private static MessageCreateParams Ask(string model, params MessageParam[] messages) => new()
    {
        Model = model,
        MaxTokens = 2000,
        Messages = [.. messages],
        Tools =
        [
            new Tool { Name = "weather", InputSchema = new() { Properties = new Dictionary<string, JsonElement> { ["city"] = JsonSerializer.SerializeToElement(new { type = "string" }) } } },
            new Tool { Name = "time", InputSchema = new() },
        ],
    };

    private static string Text(Message message) => message.Content.Single().TryPickText(out var text) ? text.Text : message.ToString();
}
