namespace Weir.Server.Mcp.Lifecycle;

/// <summary>Arguments that several lifecycle tools take, as JSON schemas.</summary>
internal static class LifecycleSchemas
{
    public const string WorkerId = """{ "type": "string", "minLength": 1, "maxLength": 200, "description": "Who holds the lease: the name of the worker, the same in all of its calls." }""";

    public const string LeaseId = """{ "type": "string", "minLength": 1, "maxLength": 200, "description": "One lease of the worker. Default: all of them." }""";

    public const string Timeout = """{ "type": "number", "minimum": 0, "maximum": 86400, "default": 600, "description": "How long to wait for a turn, in seconds; 0: now or never. Default: 600." }""";

    public const string Ttl = """{ "type": "number", "minimum": 1, "maximum": 86400, "description": "How long the lease holds without being used or renewed, in seconds. Default: 900 for a new one, and what it was for a renewal." }""";
}
