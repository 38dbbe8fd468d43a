using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using Weir.Server.Mcp.Tools;

#pragma warning disable MCP9005 // Logging and sampling are on their way out of the protocol; the suite still asks for them.

namespace Weir.Server.Mcp.Fixtures;

/// <summary>Tools that ask the client something, or tell it something, before they answer.</summary>
internal static class FixtureDialogues
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private const string UserSchema = """
        { "type": "object", "required": ["username", "email"], "properties": {
            "username": { "type": "string", "description": "User's response" }, "email": { "type": "string", "description": "User's email address" } } }
        """;

    private const string DefaultsSchema = """
        { "type": "object", "required": [], "properties": {
            "name": { "type": "string", "description": "A name", "default": "John Doe" },
            "age": { "type": "integer", "description": "An age", "default": 30 },
            "score": { "type": "number", "description": "A score", "default": 95.5 },
            "status": { "type": "string", "description": "A status", "enum": ["active", "inactive", "pending"], "default": "active" },
            "verified": { "type": "boolean", "description": "Whether it is verified", "default": true } } }
        """;

    private const string EnumsSchema = """
        { "type": "object", "required": [], "properties": {
            "untitledSingle": { "type": "string", "description": "One of three", "enum": ["option1", "option2", "option3"] },
            "titledSingle": { "type": "string", "description": "One of three with titles",
              "oneOf": [ { "const": "value1", "title": "First Option" }, { "const": "value2", "title": "Second Option" }, { "const": "value3", "title": "Third Option" } ] },
            "legacyEnum": { "type": "string", "description": "One of three as it used to be said", "enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"] },
            "untitledMulti": { "type": "array", "description": "Some of three", "items": { "type": "string", "enum": ["option1", "option2", "option3"] } },
            "titledMulti": { "type": "array", "description": "Some of three with titles",
              "items": { "anyOf": [ { "const": "value1", "title": "First Choice" }, { "const": "value2", "title": "Second Choice" }, { "const": "value3", "title": "Third Choice" } ] } } } }
        """;

    public static IEnumerable<McpTool> All()
    {
        yield return new FixtureTool("test_tool_with_logging", "Logs to the client.", FixtureTool.NoArguments, LogAsync);
        yield return new FixtureTool(
            "test_sampling", "Asks the client's model.", """{ "type": "object", "required": ["prompt"], "properties": { "prompt": { "type": "string", "description": "What to ask." } } }""", SampleAsync);
        yield return new FixtureTool(
            "test_elicitation", "Asks the client's user.", """{ "type": "object", "required": ["message"], "properties": { "message": { "type": "string", "description": "What to ask." } } }""",
            (call, cancellationToken) => ElicitAsync(call, call.Arguments.Required("message"), UserSchema, "User response", cancellationToken));
        yield return new FixtureTool(
            "test_elicitation_sep1034_defaults", "Asks the client's user, with defaults.", FixtureTool.NoArguments,
            (call, cancellationToken) => ElicitAsync(call, "Please look at these values.", DefaultsSchema, "Elicitation completed", cancellationToken));
        yield return new FixtureTool(
            "test_elicitation_sep1330_enums", "Asks the client's user, with choices.", FixtureTool.NoArguments,
            (call, cancellationToken) => ElicitAsync(call, "Please choose.", EnumsSchema, "Elicitation completed", cancellationToken));
    }

    private static async Task<CallToolResult> LogAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        foreach (var (line, wait) in ((string, TimeSpan)[])[("Tool execution started", Pause), ("Tool processing data", Pause), ("Tool execution completed", TimeSpan.Zero)])
        {
            var told = new LoggingMessageNotificationParams { Level = LoggingLevel.Info, Logger = "weir", Data = JsonSerializer.SerializeToElement(line) };
            await call.Request.Server.SendNotificationAsync(NotificationMethods.LoggingMessageNotification, told, McpJsonUtilities.DefaultOptions, cancellationToken);
            await Task.Delay(wait, call.Time, cancellationToken);
        }

        return FixtureTools.Result(FixtureTools.Text("Three lines were logged."));
    }

    private static async Task<CallToolResult> SampleAsync(McpToolCall call, CancellationToken cancellationToken)
    {
        if (call.Request.Server.ClientCapabilities?.Sampling is null) return McpResults.Failed("This client cannot be asked for sampling.");
        var answer = await call.Request.Server.SampleAsync(
            new CreateMessageRequestParams
            {
                Messages = [new SamplingMessage { Role = Role.User, Content = [FixtureTools.Text(call.Arguments.Required("prompt"))] }],
                MaxTokens = 100,
            },
            cancellationToken);
        return FixtureTools.Result(FixtureTools.Text($"LLM response: {answer.Content.OfType<TextContentBlock>().FirstOrDefault()?.Text}"));
    }

    private static async Task<CallToolResult> ElicitAsync(McpToolCall call, string message, string schema, string said, CancellationToken cancellationToken)
    {
        if (call.Request.Server.ClientCapabilities?.Elicitation is null) return McpResults.Failed("This client's user cannot be asked.");
        var asked = new ElicitRequestParams
        {
            Message = message,
            RequestedSchema = JsonSerializer.Deserialize<ElicitRequestParams.RequestSchema>(schema, McpJsonUtilities.DefaultOptions),
        };
        var answer = await call.Request.Server.ElicitAsync(asked, cancellationToken);
        return FixtureTools.Result(FixtureTools.Text($"{said}: action={answer.Action}, content={JsonSerializer.Serialize(answer.Content, McpJsonUtilities.DefaultOptions)}"));
    }
}
