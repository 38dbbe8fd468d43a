using Microsoft.Extensions.AI;
using Weir.Tests.House;

namespace Weir.Tests.Client;

/// <summary>The examples of the documents do what they say.</summary>
public sealed class AgentExamplesTests
{
    private readonly LeaseServer _server = new();

    [Fact]
    public async Task Use_KnowledgeAndADesktop_AsksTheirDoorsAndGivesBack()
    {
        await AgentExamples.UseAsync(_server.Client());
        _server.All.Select(asked => asked.Line).ShouldBe(
            ["POST /v1/leases", "POST /doors/rag.0/query", "GET /doors/vm.0/screenshot", "POST /doors/vm.0/actions", "POST /doors/vm.0/actions", "DELETE /v1/leases/l1?fence=42"]);
    }

    [Fact]
    public async Task Answer_ByAModelThatSearches_HandsItThePromptAndTheTools()
    {
        (await AgentExamples.AnswerAsync(_server.Client(), new SearchingModel(), "What is a weir?")).ShouldContain("a passage");
        _server.Of("POST /doors/rag.0/query").ShouldHaveSingleItem().Body.ShouldContain("What is a weir?");
    }

    [Fact]
    public void Documents_Examples_AreThisCode()
    {
        var documents = File.ReadAllText(Repository.Path("docs/clients.md")).ReplaceLineEndings("\n");
        var examples = File.ReadAllText(Repository.Path("tests/Weir.Tests/Client/AgentExamples.cs")).ReplaceLineEndings("\n").Split("        // begin\n")[1..];
        examples.Length.ShouldBe(2);
        foreach (var example in examples)
            documents.ShouldContain(example[..example.IndexOf("        // end", StringComparison.Ordinal)].Replace("\n        ", "\n", StringComparison.Ordinal).Trim());
    }

    /// <summary>Calls the tool that it is given first with the question, and says what that gave.</summary>
    private sealed class SearchingModel : IChatClient
    {
        public async Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
        {
            messages.First().Text.ShouldContain("knowledge base");
            var search = options!.Tools!.OfType<AIFunction>().First();
            var found = await search.InvokeAsync(new AIFunctionArguments { ["query"] = messages.Last().Text }, cancellationToken);
            return new ChatResponse(new ChatMessage(ChatRole.Assistant, found!.ToString()));
        }

        public IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public object? GetService(Type serviceType, object? serviceKey = null) => null;

        public void Dispose()
        {
        }
    }
}
