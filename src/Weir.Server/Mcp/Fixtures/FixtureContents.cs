using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

#pragma warning disable MCP9005 // As in FixtureDialogues.

namespace Weir.Server.Mcp.Fixtures;

/// <summary>Resources, prompts, completion and log levels of the conformance suite.</summary>
internal static class FixtureContents
{
    private const string Template = "test://template/{id}/data";
    private const string TemplateStart = "test://template/";
    private const string TemplateEnd = "/data";

    private static readonly Resource[] Resources =
    [
        new() { Uri = "test://static-text", Name = "static-text", Description = "A text.", MimeType = "text/plain" },
        new() { Uri = "test://static-binary", Name = "static-binary", Description = "An image.", MimeType = "image/png" },
        new() { Uri = "test://watched-resource", Name = "watched-resource", Description = "A text to subscribe to.", MimeType = "text/plain" },
    ];

    private static readonly Prompt[] Prompts =
    [
        new() { Name = "test_simple_prompt", Description = "A text." },
        new() { Name = "test_prompt_with_arguments", Description = "A text with arguments.", Arguments = [Argument("arg1", "First test argument"), Argument("arg2", "Second test argument")] },
        new() { Name = "test_prompt_with_embedded_resource", Description = "A resource.", Arguments = [Argument("resourceUri", "URI of the resource to embed")] },
        new() { Name = "test_prompt_with_image", Description = "An image." },
    ];

    public static void AddTo(McpServerOptions options)
    {
        var handlers = options.Handlers;
        handlers.ListResourcesHandler = (_, _) => ValueTask.FromResult(new ListResourcesResult { Resources = Resources });
        handlers.ListResourceTemplatesHandler = (_, _) => ValueTask.FromResult(new ListResourceTemplatesResult
        {
            ResourceTemplates = [new ResourceTemplate { UriTemplate = Template, Name = "template", Description = "A text made of its address.", MimeType = "application/json" }],
        });
        handlers.ReadResourceHandler = (request, _) => ValueTask.FromResult(new ReadResourceResult { Contents = [Read(request.Params.Uri)] });
        handlers.SubscribeToResourcesHandler = (_, _) => ValueTask.FromResult(new EmptyResult());
        handlers.UnsubscribeFromResourcesHandler = (_, _) => ValueTask.FromResult(new EmptyResult());
        handlers.ListPromptsHandler = (_, _) => ValueTask.FromResult(new ListPromptsResult { Prompts = Prompts });
        handlers.GetPromptHandler = (request, _) => ValueTask.FromResult(new GetPromptResult { Messages = [.. Say(request.Params)] });
        handlers.CompleteHandler = (request, _) => ValueTask.FromResult(new CompleteResult { Completion = Complete(request.Params.Argument.Value) });
        handlers.SetLoggingLevelHandler = (_, _) => ValueTask.FromResult(new EmptyResult());
        options.Capabilities!.Logging = new LoggingCapability();
        options.Capabilities.Completions = new CompletionsCapability();
        options.Capabilities.Prompts = new PromptsCapability();
        options.Capabilities.Resources = new ResourcesCapability { Subscribe = true };
    }

    private static ResourceContents Read(string uri)
    {
        if (uri == "test://static-binary") return BlobResourceContents.FromBytes(FixtureTools.Pixel, uri, "image/png");
        if (uri is "test://static-text" or "test://watched-resource") return new TextResourceContents { Uri = uri, MimeType = "text/plain", Text = "This is the content of the static text resource." };
        if (uri.StartsWith(TemplateStart, StringComparison.Ordinal) && uri.EndsWith(TemplateEnd, StringComparison.Ordinal) && uri.Length > TemplateStart.Length + TemplateEnd.Length)
        {
            var id = uri[TemplateStart.Length..^TemplateEnd.Length];
            return new TextResourceContents { Uri = uri, MimeType = "application/json", Text = $$"""{"id":"{{id}}","templateTest":true,"data":"Data for ID: {{id}}"}""" };
        }

        throw new McpProtocolException($"There is no resource '{uri}'.", McpErrorCode.ResourceNotFound);
    }

    private static IEnumerable<PromptMessage> Say(GetPromptRequestParams asked) => asked.Name switch
    {
        "test_simple_prompt" => [Text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => [Text($"Prompt with arguments: arg1='{Given(asked, "arg1")}', arg2='{Given(asked, "arg2")}'")],
        "test_prompt_with_embedded_resource" =>
        [
            Message(FixtureTools.Embedded(Given(asked, "resourceUri"), "text/plain", "Embedded resource content for testing.")),
            Text("Please process the embedded resource above."),
        ],
        "test_prompt_with_image" => [Message(ImageContentBlock.FromBytes(FixtureTools.Pixel, "image/png")), Text("Please analyze the image above.")],
        _ => throw new McpProtocolException($"There is no prompt '{asked.Name}'.", McpErrorCode.InvalidParams),
    };

    private static Completion Complete(string begun)
    {
        string[] known = ["paris", "park", "party"];
        string[] fit = [.. known.Where(one => one.StartsWith(begun, StringComparison.OrdinalIgnoreCase))];
        return new Completion { Values = fit, Total = fit.Length, HasMore = false };
    }

    private static string Given(GetPromptRequestParams asked, string name) =>
        asked.Arguments is { } arguments && arguments.TryGetValue(name, out var value) ? value.ValueKind == System.Text.Json.JsonValueKind.String ? value.GetString()! : value.GetRawText() : "";

    private static PromptMessage Text(string text) => Message(FixtureTools.Text(text));

    private static PromptMessage Message(ContentBlock content) => new() { Role = Role.User, Content = content };

    private static PromptArgument Argument(string name, string description) => new() { Name = name, Description = description, Required = true };
}
