using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Client;

namespace Weir.Cli.Run.Agent;

/// <summary>What a tool gave: a text for the model, and a picture where there is one.</summary>
internal sealed record ToolResult(string Text)
{
    /// <summary>A PNG. Null: none.</summary>
    public byte[]? Image { get; init; }
}

/// <summary>The resources of one lease as a model's tools. Each call goes to the resource's door with its token; what fails is told to the model, which may try something else.</summary>
internal sealed class DoorTools
{
    private const int LongestText = 64 * 1024;
    private const int LargestAnswer = 16 * 1024 * 1024;

    private readonly HttpClient _http;
    private readonly Dictionary<string, (LeasedResource Resource, DoorTool Tool)> _byName = [];

    public DoorTools(HttpClient http, Lease? lease)
    {
        _http = http;
        foreach (var resource in lease?.Resources ?? [])
        {
            foreach (var tool in DoorTool.Of(SortOf(resource)))
            {
                // The second desktop's screenshot is screenshot_2.
                var name = tool.Name;
                for (var nth = 2; !_byName.TryAdd(name, (resource, tool)); nth++)
                    name = $"{tool.Name}_{nth}";
            }
        }
    }

    /// <summary>As a request for a completion names them.</summary>
    public JsonArray Definitions() => [.. _byName.Select(entry => (JsonNode)new JsonObject
    {
        ["type"] = "function",
        ["function"] = new JsonObject
        {
            ["name"] = entry.Key, ["description"] = entry.Value.Tool.Description, ["parameters"] = JsonNode.Parse(entry.Value.Tool.Schema),
        },
    })];

    /// <exception cref="OperationCanceledException">The attempt is over.</exception>
    public async Task<ToolResult> CallAsync(string name, string arguments, CancellationToken stop)
    {
        if (!_byName.TryGetValue(name, out var found))
            return Failed($"there is no tool '{name}'; there are: {(_byName.Count == 0 ? "none" : string.Join(", ", _byName.Keys))}");
        var (given, wrong) = Parse(arguments);
        if (given is null)
            return Failed("the arguments " + wrong);
        try
        {
            return await SendAsync(found.Resource, found.Tool, given, stop);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or UriFormatException)
        {
            return Failed($"the resource cannot be reached: {fault.Message}");
        }
    }

    private async Task<ToolResult> SendAsync(LeasedResource resource, DoorTool tool, JsonObject arguments, CancellationToken stop)
    {
        using var request = new HttpRequestMessage(tool.Body is null ? HttpMethod.Get : HttpMethod.Post, $"{resource.BaseUrl?.TrimEnd('/')}/{tool.Path}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", resource.Token);
        if (tool.Body is { } body)
            request.Content = new StringContent(body(arguments).ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
        await response.Content.LoadIntoBufferAsync(LargestAnswer, stop);
        var bytes = await response.Content.ReadAsByteArrayAsync(stop);
        if (!response.IsSuccessStatusCode)
            return Failed($"{(int)response.StatusCode} {DetailOf(bytes)}");
        if (response.Content.Headers.ContentType?.MediaType is "image/png")
            return new("The picture follows.") { Image = bytes };
        var text = Encoding.UTF8.GetString(bytes);
        return new(text.Length == 0 ? "done" : text.Length <= LongestText ? text : text[..LongestText] + "\n… (cut)");
    }

    private static ToolResult Failed(string why) => new("error: " + why);

    private static (JsonObject? Given, string? Wrong) Parse(string arguments)
    {
        if (arguments.Trim().Length == 0)
            return ([], null);
        if (HalfPairs.AreIn(Encoding.UTF8.GetBytes(arguments)))
            return (null, "hold " + HalfPairs.Fault);
        try
        {
            if (AnswerJson.Parse(arguments) is JsonObject given)
                return (given, null);
        }
        catch (JsonException)
        {
            // Told below.
        }

        return (null, "are not a JSON object");
    }

    private static string DetailOf(byte[] body)
    {
        try
        {
            return AnswerJson.Parse(body) is JsonObject problem && problem.TryGetPropertyValue("detail", out var detail) && detail is JsonValue ? detail.ToString() : "";
        }
        catch (JsonException)
        {
            return "";
        }
    }

    // The name that it was asked for by may be an alias; its id says what it is.
    private static string SortOf(LeasedResource resource) => resource.Id.Split('.', ':')[0];
}
