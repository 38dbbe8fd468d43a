using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;

namespace Weir.Simulation.Streaming;

/// <summary>Server-sent events, framed as OpenAI and Anthropic frame them, into the response's pipe. Nothing is sent before a flush.</summary>
internal sealed class EventWriter(PipeWriter pipe) : IDisposable
{
    private readonly Utf8JsonWriter _json = new(pipe, SimulationJson.Writer);

    public bool HasUnflushed => pipe.UnflushedBytes > 0;

    public long Unflushed => pipe.UnflushedBytes;

    /// <summary>The writer of the event that has begun.</summary>
    public Utf8JsonWriter Json => _json;

    /// <summary>Begins an event whose data is what the caller writes until <see cref="End"/>.</summary>
    /// <param name="name">The event's name; null for an event that has none.</param>
    public Utf8JsonWriter Begin(string? name = null)
    {
        if (name is not null)
        {
            pipe.Write("event: "u8);
            Encoding.UTF8.GetBytes(name, pipe);
            pipe.Write("\n"u8);
        }

        pipe.Write("data: "u8);
        _json.Reset(pipe);
        return _json;
    }

    public void End()
    {
        _json.Flush();
        pipe.Write("\n\n"u8);
    }

    public void Done() => pipe.Write("data: [DONE]\n\n"u8);

    public async ValueTask FlushAsync(CancellationToken cancellationToken) => await pipe.FlushAsync(cancellationToken);

    public void Dispose() => _json.Dispose();
}
