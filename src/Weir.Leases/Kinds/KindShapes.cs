using System.Text.Json;
using Weir.Leases.Documents;

namespace Weir.Leases.Kinds;

/// <summary>One fault of a kind's definition.</summary>
/// <param name="Setting">The setting, as a path below the kind: <c>endpoints.0.base_url</c>.</param>
/// <param name="Message">What is wrong and how to mend it.</param>
public sealed record KindFault(string Setting, string Message);

/// <summary>A resource, and what its kind is.</summary>
/// <param name="Resource">Its document.</param>
/// <param name="Options">Its kind's definition.</param>
public record KindResource(ResourceRecord Resource, KindOptions Options);

/// <summary>A resource in the hands of a lease.</summary>
/// <param name="Resource">Its document.</param>
/// <param name="Options">Its kind's definition.</param>
/// <param name="Session">Who holds it.</param>
/// <param name="Config">What it was initialised with. Null: nothing.</param>
public sealed record LeasedResource(ResourceRecord Resource, KindOptions Options, LeaseSession Session, JsonElement? Config) : KindResource(Resource, Options)
{
    /// <summary>What its kind told of it when it was initialised. Null: nothing, or it is being initialised.</summary>
    public JsonElement? Details { get; init; }
}

/// <summary>Who holds a resource.</summary>
/// <param name="LeaseId">The lease.</param>
/// <param name="Fence">Its fence.</param>
/// <param name="WorkerId">Its worker.</param>
/// <param name="Tenant">Whose data it may see.</param>
/// <param name="KeyId">On whose account it works.</param>
public sealed record LeaseSession(string LeaseId, long Fence, string WorkerId, string Tenant, string KeyId);

/// <summary>One use of a resource.</summary>
/// <param name="Verb">The path below its <c>base_url</c>, without slashes around it: <c>query</c>.</param>
/// <param name="Body">A JSON object, or an array where the verb takes one. Null: none.</param>
public sealed record KindCall(string Verb, JsonElement? Body)
{
    /// <summary><c>GET</c> where nothing is sent.</summary>
    public string Method { get; init; } = Body is null ? "GET" : "POST";
}

/// <summary>What a use gave: a body, or an error.</summary>
public sealed record KindReply
{
    /// <summary>Null: it went well.</summary>
    public LeaseError? Error { get; init; }

    public string ContentType { get; init; } = "application/json";

    public ReadOnlyMemory<byte> Body { get; init; }

    public static KindReply Json<T>(T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type) => new() { Body = JsonSerializer.SerializeToUtf8Bytes(value, type) };

    public static KindReply Png(ReadOnlyMemory<byte> image) => new() { ContentType = "image/png", Body = image };

    public static KindReply Failed(LeaseError error) => new() { Error = error };

    public static KindReply Unknown(LeasedResource resource, KindCall call) =>
        Failed(new LeaseError(404, "not_found", $"A resource of kind '{resource.Resource.Kind}' has no '{call.Method} /{call.Verb}'."));
}

/// <summary>A value, or why there is none.</summary>
public readonly record struct KindResult<T>(T Value, LeaseError? Error);

/// <summary>Makes results.</summary>
public static class KindResult
{
    public static KindResult<T> Of<T>(T value) => new(value, null);

    public static KindResult<T> Failed<T>(LeaseError error) => new(default!, error);
}

/// <summary>What a worker sees of a resource.</summary>
public sealed record Observation
{
    /// <summary>A PNG. Null: it has no screen.</summary>
    public ReadOnlyMemory<byte>? Screenshot { get; init; }

    /// <summary>Null: it has none, or none could be had.</summary>
    public JsonElement? AccessibilityTree { get; init; }

    public string? Text { get; init; }
}

/// <summary>Something that a model may do with a resource, offered as a tool over MCP.</summary>
/// <param name="Name">The tool's name; one kind's alone.</param>
/// <param name="Description">What it does, for a model.</param>
/// <param name="Schema">The JSON schema of its arguments, without those that choose the lease.</param>
/// <param name="Call">Makes the call of the arguments, which fit the schema.</param>
public sealed record KindTool(string Name, string Description, JsonElement Schema, Func<JsonElement, KindCall> Call)
{
    /// <summary>It changes nothing.</summary>
    public bool IsReadOnly { get; init; }
}
