using System.Text;
using System.Text.Json.Nodes;
using Weir.Cli.Run.Results;

namespace Weir.Cli.Run.Agent;

/// <summary>What was said between the agent and its model.</summary>
internal sealed class AgentConversation
{
    private readonly List<(JsonObject Message, bool IsPicture)> _messages = [];
    private readonly StringBuilder _log = new();

    /// <summary>Answers of the model.</summary>
    public int Steps { get; private set; }

    public TokenUsage? Usage { get; private set; }

    /// <summary>One JSON line for each answer and each result, without pictures.</summary>
    public string Log => _log.ToString();

    public void Say(string role, string text) => _messages.Add((new JsonObject { ["role"] = role, ["content"] = text }, false));

    /// <summary>The answer to a call is a text; a picture can only be said by the user.</summary>
    public void Show(string text, byte[] png) => _messages.Add((
        new JsonObject
        {
            ["role"] = "user",
            ["content"] = new JsonArray(
                new JsonObject { ["type"] = "text", ["text"] = text },
                new JsonObject { ["type"] = "image_url", ["image_url"] = new JsonObject { ["url"] = "data:image/png;base64," + Convert.ToBase64String(png) } }),
        },
        true));

    public void Answered(ChatAnswer answer)
    {
        Steps++;
        Usage += answer.Usage;
        _messages.Add((answer.Message, false));
        _log.Append(new JsonObject { ["step"] = Steps, ["answer"] = answer.Message.DeepClone() }.ToJsonString()).Append('\n');
    }

    public void Gave(ChatCall call, ToolResult result)
    {
        // Every call wants its answer right behind it, so pictures wait until the model has all of them.
        var at = _messages.FindLastIndex(said => (string?)said.Message["role"] is "assistant" or "tool") + 1;
        _messages.Insert(at, (new JsonObject { ["role"] = "tool", ["tool_call_id"] = call.Id, ["content"] = result.Text }, false));
        if (result.Image is { } picture)
            Show($"The picture of {call.Name}.", picture);
        _log.Append(new JsonObject { ["step"] = Steps, ["tool"] = call.Name, ["arguments"] = call.Arguments, ["result"] = result.Text }.ToJsonString()).Append('\n');
    }

    /// <summary>All of it, with the last pictures only.</summary>
    public JsonArray Messages(int pictures)
    {
        var left = _messages.Count(said => said.IsPicture) - pictures;
        var messages = new JsonArray();
        foreach (var (message, isPicture) in _messages)
        {
            if (!isPicture || left-- <= 0)
                messages.Add(message.DeepClone());
        }

        return messages;
    }
}
