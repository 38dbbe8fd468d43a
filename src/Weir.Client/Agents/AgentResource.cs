using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Client.Wire;

namespace Weir.Client;

/// <summary>One resource of a lease, used through its door with its token.</summary>
public class AgentResource
{
    private readonly WeirConnection _repeatable;
    private readonly WeirConnection _once;

    internal AgentResource(WeirClient client, LeasedResource resource)
    {
        Leased = resource;
        if (!Uri.TryCreate(resource.BaseUrl?.TrimEnd('/') + "/", UriKind.Absolute, out var door))
            throw new WeirException($"The answer is not what Weir would say: {resource.Id} has no address.") { Code = "invalid_answer" };
        (_repeatable, _once) = (client.Door(door, resource.Token, isRepeatable: true), client.Door(door, resource.Token, isRepeatable: false));
    }

    /// <summary>As it was granted, with its address and token.</summary>
    public LeasedResource Leased { get; }

    public string Id => Leased.Id;

    /// <summary>The name that it was asked for by, which may be an alias.</summary>
    public string Kind => Leased.Kind;

    /// <summary>What it is: <c>rag</c>, <c>vm</c>, <c>remote</c>, or a sort of your own.</summary>
    public string Sort => Leased.Id.Split('.', ':')[0];

    /// <summary>What the kind tells of it. Null: nothing.</summary>
    public JsonElement? Details => Leased.Details;

    /// <summary>What it showed at first. Null: nothing, or it was not asked for.</summary>
    public ResourceObservation? Observation => Leased.Observation;

    /// <summary>Asks through the door. Where the connection fails it is not asked again, since it may have been done.</summary>
    /// <param name="method">Of HTTP.</param>
    /// <param name="path">Below the door, escaped, such as <c>health</c>.</param>
    /// <param name="body">Null: none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>What was answered, in JSON; undefined where that is empty.</returns>
    /// <exception cref="WeirException"><c>lease_ended</c> (410): it is not this worker's any more; all else that the resource says.</exception>
    /// <exception cref="ArgumentException">The path leads out of the door.</exception>
    public Task<JsonElement> SendAsync(HttpMethod method, string path, JsonNode? body = null, CancellationToken cancellationToken = default) =>
        SendAsync(_once, method, path, body, cancellationToken);

    public override string ToString() => Leased.ToString();

    internal static AgentResource Of(WeirClient client, LeasedResource resource) => resource.Id.Split('.', ':')[0] switch
    {
        "rag" => new RagResource(client, resource),
        "vm" => new DesktopResource(client, resource),
        _ => new AgentResource(client, resource),
    };

    /// <summary>For what changes nothing.</summary>
    private protected Task<JsonElement> AskAsync(HttpMethod method, string path, JsonNode? body, CancellationToken cancellationToken) =>
        SendAsync(_repeatable, method, path, body, cancellationToken);

    private protected Task<byte[]> AskForBytesAsync(string path, JsonNode? body, string type, int most, CancellationToken cancellationToken) =>
        _repeatable.SendForBytesAsync(path, Content(body), type, most, cancellationToken);

    private static Task<JsonElement> SendAsync(WeirConnection connection, HttpMethod method, string path, JsonNode? body, CancellationToken cancellationToken)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        // The token goes where the path leads.
        if (!Uri.TryCreate(connection.Root, path, out var at) || !connection.Root.IsBaseOf(at))
            throw new ArgumentException($"'{path}' is not below the resource's door.", nameof(path));
        return connection.SendAsync(method, path, Content(body), WeirJson.Default.JsonElement, cancellationToken);
    }

    private static Func<HttpContent>? Content(JsonNode? body) => body is null ? null : WeirContent.Json(body, WeirJson.Default.JsonNode);
}
