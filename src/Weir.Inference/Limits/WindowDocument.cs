using System.Text.Json;
using System.Text.Json.Serialization;
using Weir.Flow.Limits;

namespace Weir.Inference.Limits;

/// <summary>
/// What all replicas hold of several windows, as it is stored: by name, the first slot and then what each slot from there on holds.
/// Windows are spread over several documents, so that replicas seldom write the same one at the same time.
/// </summary>
internal sealed class WindowDocument
{
    public const string Partition = "limits";

    private const int Documents = 32;

    private readonly Dictionary<string, WindowSlots> _windows = new(StringComparer.Ordinal);

    /// <summary>The document that a window stands in.</summary>
    public static string KeyOf(string window)
    {
        // FNV-1a: the same on every replica.
        var hash = 2166136261u;
        foreach (var c in window)
            hash = unchecked((hash ^ c) * 16777619u);
        return "windows/" + (hash % Documents);
    }

    /// <summary>A document that is absent, or cannot be read, holds nothing.</summary>
    public static WindowDocument Read(ReadOnlySpan<byte> body)
    {
        var document = new WindowDocument();
        if (body.IsEmpty)
            return document;
        try
        {
            foreach (var (name, amounts) in JsonSerializer.Deserialize(body, WindowJson.Default.DictionaryStringInt64Array) ?? [])
            {
                for (var i = 1; i < amounts.Length; i++)
                    document.Of(name).Add(amounts[0] + i - 1, amounts[i]);
            }
        }
        catch (JsonException)
        {
            // Written anew; at worst a minute is counted short.
        }

        return document;
    }

    public WindowSlots Of(string window)
    {
        if (!_windows.TryGetValue(window, out var slots))
            _windows.Add(window, slots = new WindowSlots());
        return slots;
    }

    /// <param name="current">The slot of now: windows that no coming minute touches are left out.</param>
    public byte[] Write(long current)
    {
        var stored = new Dictionary<string, long[]>(_windows.Count, StringComparer.Ordinal);
        foreach (var (name, slots) in _windows)
        {
            slots.Prune(current);
            if (slots.IsEmpty)
                continue;
            var first = slots.Amounts.First().Key;
            var row = new long[slots.Amounts.Last().Key - first + 2];
            row[0] = first;
            foreach (var (slot, amount) in slots.Amounts)
                row[slot - first + 1] = amount;
            stored[name] = row;
        }

        return JsonSerializer.SerializeToUtf8Bytes(stored, WindowJson.Default.DictionaryStringInt64Array);
    }
}

[JsonSerializable(typeof(Dictionary<string, long[]>))]
internal sealed partial class WindowJson : JsonSerializerContext
{
}
