using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;
using Weir.Client;

namespace Weir.Tests.Client;

/// <summary>The examples of docs/clients.md, which a test compares with it.</summary>
internal static class AgentExamples
{
    public static async Task UseAsync(WeirClient weir)
    {
        // begin
        var environment = new AgentEnvironment(weir, [new("rag"), new("vm")], new() { Wait = TimeSpan.FromMinutes(10) });

        await using var lease = await environment.AllocateAsync(
            "worker-1", new Dictionary<string, JsonNode?> { ["rag"] = new JsonObject { ["collection"] = "handbook" } });

        foreach (var passage in await lease.Rag.QueryAsync("how do I restart it?", topK: 5))
            Console.WriteLine($"{passage.Score:0.00} {passage.DocumentId}: {passage.Text}");

        byte[] png = await lease.Desktop.ScreenshotAsync();
        await lease.Desktop.ClickAsync(400, 300);
        await lease.Desktop.TypeAsync("Voilà, 你好\n");
        // end
        png.ShouldNotBeEmpty();
    }

    public static async Task<string> AnswerAsync(WeirClient weir, IChatClient model, string question)
    {
        // begin
        var environment = new RagEnvironment(weir);
        await using var lease = await environment.AllocateAsync("worker-1");

        var messages = new List<ChatMessage> { new(ChatRole.System, environment.Prompt), new(ChatRole.User, question) };
        var answer = await model.GetResponseAsync(messages, new() { Tools = [.. lease.Tools] }, lease.Lost);
        // end
        return answer.Text;
    }
}
