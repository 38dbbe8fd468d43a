#!/usr/bin/env dotnet
// Sends every prompt of a JSON Lines file through Weir with the official OpenAI .NET SDK and checks each answer.
//   dotnet run Run.cs -- [--url http://127.0.0.1:7800/v1] [--model thousand] [--at-once 32] [--stream] [--key KEY] [prompts.jsonl]
#:package OpenAI@2.15.0
#:property ManagePackageVersionsCentrally=false
#:property PublishAot=false

using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;

var url = Option("--url", "http://127.0.0.1:7800/v1");
var model = Option("--model", "thousand");
var atOnce = int.Parse(Option("--at-once", "32"));
var key = Option("--key", Environment.GetEnvironmentVariable("WEIR_KEY") ?? "not-needed-on-loopback");
var stream = args.Contains("--stream");
var file = args.LastOrDefault(arg => arg.EndsWith(".jsonl", StringComparison.Ordinal)) ?? "prompts.jsonl";

// No retries here: whatever goes wrong behind Weir is Weir's to mend.
var client = new ChatClient(model, new ApiKeyCredential(key), new OpenAIClientOptions
{
    Endpoint = new Uri(url),
    RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
    NetworkTimeout = TimeSpan.FromMinutes(2),
});

var prompts = File.ReadLines(file).Where(line => line.Trim() != "").Select(line => JsonDocument.Parse(line).RootElement).ToArray();
var watch = Stopwatch.StartNew();
int matched = 0, wrong = 0, failed = 0;
await Parallel.ForEachAsync(prompts, new ParallelOptions { MaxDegreeOfParallelism = atOnce }, async (line, stop) =>
{
    var prompt = line.GetProperty("prompt").GetString()!;
    try
    {
        var (text, finish) = await AskAsync(prompt, stop);
        // The simulated provider's answers carry the first 16 digits of their prompt's SHA-256.
        var fingerprint = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(prompt)))[..16];
        Interlocked.Increment(ref finish == ChatFinishReason.Stop && text.Contains(fingerprint) ? ref matched : ref wrong);
    }
    catch (Exception error)
    {
        Interlocked.Increment(ref failed);
        Console.Error.WriteLine($"{line.GetProperty("id")}: {error.Message}");
    }
});

Console.WriteLine($"{prompts.Length} prompts in {watch.Elapsed.TotalSeconds:0.0} s: {matched} answered and matched, {wrong} answered wrongly, {failed} failed");
return matched == prompts.Length ? 0 : 1;

async Task<(string Text, ChatFinishReason? Finish)> AskAsync(string prompt, CancellationToken stop)
{
    ChatMessage[] messages = [new UserChatMessage(prompt)];
    if (!stream)
    {
        var whole = (await client.CompleteChatAsync(messages, cancellationToken: stop)).Value;
        return (whole.Content[0].Text, whole.FinishReason);
    }

    var text = new StringBuilder();
    ChatFinishReason? finish = null;
    await foreach (var update in client.CompleteChatStreamingAsync(messages, cancellationToken: stop))
    {
        foreach (var part in update.ContentUpdate)
            text.Append(part.Text);
        finish = update.FinishReason ?? finish;
    }

    return (text.ToString(), finish);
}

string Option(string name, string otherwise) => Array.IndexOf(args, name) is var at and >= 0 && at + 1 < args.Length ? args[at + 1] : otherwise;
