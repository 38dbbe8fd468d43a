using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json.Nodes;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Mcp;

namespace Weir.Tests.Retrieval.Catalogs.Support;

/// <summary>MCP servers in this process that answer as a test says, true or not.</summary>
internal sealed class ScriptedMcpServer : IMcpTransports
{
    private readonly Lock _gate = new();
    private readonly List<Connection> _connections = [];
    private int _opened;

    /// <summary>The result of tools/list for a cursor (null: the first page).</summary>
    public Func<string?, JsonNode> List { get; set; } = _ => Page();

    /// <summary>By source: instead of <see cref="List"/>.</summary>
    public Dictionary<string, Func<string?, JsonNode>> Lists { get; } = [];

    /// <summary>It cannot be connected.</summary>
    public bool IsAway { get; set; }

    /// <summary>It takes requests and says nothing.</summary>
    public bool IsSilent { get; set; }

    /// <summary>Written before each answer.</summary>
    public string Garbage { get; set; } = "";

    public int Opened => Volatile.Read(ref _opened);

    public int Open
    {
        get
        {
            lock (_gate) return _connections.Count;
        }
    }

    public static JsonNode Tool(string name, string description = "", JsonNode? schema = null) =>
        new JsonObject { ["name"] = name, ["description"] = description, ["inputSchema"] = schema ?? new JsonObject { ["type"] = "object" } };

    public static JsonNode Page(params JsonNode[] tools) => new JsonObject { ["tools"] = new JsonArray(tools) };

    public static JsonNode Names(params string[] names) => Page([.. names.Select(name => Tool(name))]);

    /// <summary>A schema of so many objects, each in the one before.</summary>
    public static JsonNode Deep(int levels) => JsonNode.Parse(
        string.Concat(Enumerable.Repeat("{\"type\":\"object\",\"a\":", levels)) + "{}" + new string('}', levels), null, new System.Text.Json.JsonDocumentOptions { MaxDepth = levels + 1 })!;

    /// <summary>Announces a change to everybody who is connected.</summary>
    public void Announce() => Each(connection => connection.Write("""{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"""));

    /// <summary>All connections break.</summary>
    public void Die() => Each(connection => connection.Break());

    McpChannel IMcpTransports.Open(McpSource source)
    {
        if (IsAway)
            throw new McpFaultException("It could not be reached.");
        Interlocked.Increment(ref _opened);
        var connection = new Connection(this, source);
        lock (_gate) _connections.Add(connection);
        return connection;
    }

    private void Each(Action<Connection> action)
    {
        List<Connection> all;
        lock (_gate) all = [.. _connections];
        all.ForEach(action);
    }

    private sealed class Connection : McpChannel
    {
        private readonly ScriptedMcpServer _server;
        private readonly McpSource _source;
        private readonly Pipe _in;
        private readonly Pipe _out;
        private readonly Lock _writing = new();

        public Connection(ScriptedMcpServer server, McpSource source)
            : this(server, source, new Pipe(), new Pipe(new PipeOptions(pauseWriterThreshold: 0)))
        {
        }

        private Connection(ScriptedMcpServer server, McpSource source, Pipe input, Pipe output)
            : base(new StreamClientTransport(input.Writer.AsStream(), new BoundedStream(output.Reader.AsStream(), CatalogHarness.Quick.MessageBytes, MessageBorder.Line)))
        {
            (_server, _source, _in, _out) = (server, source, input, output);
            _ = ServeAsync();
        }

        public void Write(string line)
        {
            lock (_writing)
            {
                _out.Writer.Write(Encoding.UTF8.GetBytes(line + "\n"));
                _ = _out.Writer.FlushAsync().AsTask();
            }
        }

        public void Break()
        {
            lock (_writing) _out.Writer.Complete();
        }

        public override ValueTask DisposeAsync()
        {
            lock (_server._gate) _server._connections.Remove(this);
            _in.Writer.Complete();
            _out.Writer.Complete();
            return ValueTask.CompletedTask;
        }

        private async Task ServeAsync()
        {
            using var reader = new StreamReader(_in.Reader.AsStream());
            while (await reader.ReadLineAsync() is { } line)
            {
                var request = JsonNode.Parse(line)!;
                if (_server.IsSilent || request["id"] is not { } id)
                    continue;
                if (_server.Garbage.Length > 0)
                    Write(_server.Garbage);
                var answer = new JsonObject { ["jsonrpc"] = "2.0", ["id"] = id.DeepClone() };
                switch ((string?)request["method"])
                {
                    case "initialize":
                        answer["result"] = new JsonObject
                        {
                            ["protocolVersion"] = (string?)request["params"]!["protocolVersion"],
                            ["capabilities"] = new JsonObject { ["tools"] = new JsonObject { ["listChanged"] = true } },
                            ["serverInfo"] = new JsonObject { ["name"] = "scripted", ["version"] = "1" },
                        };
                        break;
                    case "tools/list":
                        answer["result"] = _server.Lists.GetValueOrDefault(_source.Name, _server.List)((string?)request["params"]?["cursor"]);
                        break;
                    default:
                        answer["error"] = new JsonObject { ["code"] = -32601, ["message"] = "no such method" };
                        break;
                }

                Write(answer.ToJsonString(new System.Text.Json.JsonSerializerOptions { MaxDepth = 1_000 }));
            }
        }
    }
}
