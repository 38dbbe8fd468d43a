using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Weir.Simulation.Dialects;

/// <summary>The newest responses as they were answered, for <c>/v1/responses/{id}</c> and <c>previous_response_id</c>.</summary>
internal sealed class StoredResponses
{
    private const int Bound = 1000;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, byte[]> _byId = new(StringComparer.Ordinal);
    private readonly Queue<string> _oldestFirst = new();

    public void Add(string id, Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer, SimulationJson.Writer))
            write(json);

        var bytes = buffer.WrittenSpan.ToArray();
        lock (_lock)
        {
            if (_byId.TryAdd(id, bytes))
                _oldestFirst.Enqueue(id);
            if (_oldestFirst.Count > Bound)
                _byId.Remove(_oldestFirst.Dequeue());
        }
    }

    public bool TryGet(string id, [NotNullWhen(true)] out byte[]? response)
    {
        lock (_lock)
            return _byId.TryGetValue(id, out response);
    }

    /// <summary>Forgets a response; its place in the order stays and is skipped when it comes up.</summary>
    public bool Remove(string id)
    {
        lock (_lock)
            return _byId.Remove(id);
    }
}
