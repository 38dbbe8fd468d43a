using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Weir.Simulation.Control;

/// <summary>How a request ended; every request has exactly one ending.</summary>
internal enum Ending
{
    /// <summary>Sent whole.</summary>
    Answered,

    /// <summary>The client left before its answer was whole.</summary>
    Cancelled,

    /// <summary>The request itself was at fault: malformed, unknown model, wrong key.</summary>
    Rejected,
    RateLimited,
    Error,
    Reset,
    Hang,
    Cut,
    Stall,
    Truncated,
}

/// <summary>What the provider has seen since it started or since the last <c>DELETE /sim/stats</c>. Bounded.</summary>
internal sealed class SimulationStats
{
    private const int MaxPrompts = 20_000;

    private volatile Counts _counts = new();

    public void Reset() => _counts = new();

    public Call Begin(string path) => new(_counts, path);

    public void Write(Utf8JsonWriter json, bool prompts)
    {
        var counts = _counts;
        json.WriteStartObject();
        json.WriteNumber("requests", Interlocked.Read(ref counts.Requests));
        json.WriteNumber("in_flight", Interlocked.Read(ref counts.InFlight));
        json.WriteStartObject("outcomes");
        foreach (var ending in Enum.GetValues<Ending>())
            json.WriteNumber(JsonNamingPolicy.SnakeCaseLower.ConvertName(ending.ToString()), Interlocked.Read(ref counts.Endings[(int)ending]));
        json.WriteEndObject();
        WriteMap(json, "paths", counts.Paths);
        WriteMap(json, "models", counts.Models);
        json.WriteStartObject("prompts");
        json.WriteNumber("distinct", counts.Prompts.Count);
        json.WriteNumber("not_kept", Interlocked.Read(ref counts.PromptsNotKept));
        if (prompts)
        {
            json.WriteStartObject("seen");
            foreach (var (fingerprint, seen) in counts.Prompts)
            {
                json.WriteStartObject(fingerprint);
                json.WriteNumber("requests", Volatile.Read(ref seen.Requests));
                json.WriteNumber("answered", Volatile.Read(ref seen.Answered));
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteMap(Utf8JsonWriter json, string name, ConcurrentDictionary<string, StrongBox<long>> map)
    {
        json.WriteStartObject(name);
        foreach (var (key, count) in map)
            json.WriteNumber(key, Interlocked.Read(ref count.Value));
        json.WriteEndObject();
    }

    /// <summary>One request, from its arrival to its ending.</summary>
    internal sealed class Call : IDisposable
    {
        private readonly Counts _counts;
        private PromptCount? _prompt;

        internal Call(Counts counts, string path)
        {
            _counts = counts;
            Interlocked.Increment(ref counts.Requests);
            Interlocked.Increment(ref counts.InFlight);
            Increment(counts.Paths, path);
        }

        /// <summary>How it ends; until it is set, as if the client had left.</summary>
        public Ending Ending { get; set; } = Ending.Cancelled;

        /// <param name="model">A name that the provider serves, so that callers cannot make this grow without bound.</param>
        /// <param name="fingerprint">Of the first text of the prompt.</param>
        public void Saw(string model, string fingerprint)
        {
            Increment(_counts.Models, model);
            if (_counts.Prompts.TryGetValue(fingerprint, out _prompt) || _counts.Prompts.Count < MaxPrompts)
            {
                _prompt ??= _counts.Prompts.GetOrAdd(fingerprint, _ => new PromptCount());
                Interlocked.Increment(ref _prompt.Requests);
            }
            else
            {
                Interlocked.Increment(ref _counts.PromptsNotKept);
            }
        }

        public void Dispose()
        {
            Interlocked.Decrement(ref _counts.InFlight);
            Interlocked.Increment(ref _counts.Endings[(int)Ending]);
            if (Ending == Ending.Answered && _prompt is not null)
                Interlocked.Increment(ref _prompt.Answered);
        }

        private static void Increment(ConcurrentDictionary<string, StrongBox<long>> map, string key) =>
            Interlocked.Increment(ref map.GetOrAdd(key, static _ => new StrongBox<long>()).Value);
    }

    internal sealed class Counts
    {
        public long Requests;
        public long InFlight;
        public long PromptsNotKept;

        public long[] Endings { get; } = new long[Enum.GetValues<Ending>().Length];

        public ConcurrentDictionary<string, StrongBox<long>> Paths { get; } = new(StringComparer.Ordinal);

        public ConcurrentDictionary<string, StrongBox<long>> Models { get; } = new(StringComparer.Ordinal);

        public ConcurrentDictionary<string, PromptCount> Prompts { get; } = new(StringComparer.Ordinal);
    }

    internal sealed class PromptCount
    {
        public int Requests;
        public int Answered;
    }
}
