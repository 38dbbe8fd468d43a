using System.Globalization;
using System.Text.Json;

namespace Weir.Retrieval.Models.Safetensors;

/// <summary>
/// The header of a safetensors file: eight bytes of its length (little endian), then JSON with the type, shape and place of each tensor.
/// Read as strictly as the format's own library does: every byte after the header belongs to exactly one tensor.
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>The format's own bound, in bytes.</summary>
    public const long LongestHeader = 100_000_000;

    /// <exception cref="ModelLoadException">The file is not what it should be; the message says what is wrong, and with which tensor.</exception>
    public static Dictionary<string, TensorInfo> Read(string file, ReadOnlySpan<byte> header, long dataStart, long fileLength)
    {
        var tensors = new Dictionary<string, TensorInfo>(StringComparer.Ordinal);
        try
        {
            var reader = new Utf8JsonReader(header);
            reader.Read();
            using var json = JsonDocument.ParseValue(ref reader);
            if (header[(int)reader.BytesConsumed..].ContainsAnyExcept((byte)' '))
                throw Wrong(file, "its header has bytes after its JSON");
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                throw Wrong(file, "its header is not a JSON object");
            foreach (var property in json.RootElement.EnumerateObject())
            {
                if (property.Name != "__metadata__" && !tensors.TryAdd(property.Name, Tensor(file, property.Name, property.Value, dataStart, fileLength)))
                    throw Wrong(file, $"it has two tensors '{property.Name}'");
            }
        }
        // InvalidOperationException: a string of JSON that is no text (half of a pair of surrogates).
        catch (Exception fault) when (fault is JsonException or InvalidOperationException)
        {
            throw new ModelLoadException($"{file}: its header is not valid JSON: {fault.Message}", fault);
        }

        CheckCovered(file, tensors.Values, dataStart, fileLength);
        return tensors;
    }

    public static ModelLoadException Wrong(string file, string what) => new($"{file}: {what}.");

    private static TensorInfo Tensor(string file, string name, JsonElement value, long dataStart, long fileLength)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw Wrong(file, $"tensor '{name}': it is not described by an object");
        if (!value.TryGetProperty("dtype", out var dtype) || dtype.ValueKind != JsonValueKind.String)
            throw Wrong(file, $"tensor '{name}': it has no dtype");
        if (!Enum.TryParse<TensorType>(dtype.GetString(), out var type) || type.ToString() != dtype.GetString())
            throw Wrong(file, $"tensor '{name}': its dtype {dtype.GetString()} is not read here, only {string.Join(", ", Enum.GetNames<TensorType>())}");

        var shape = Integers(file, name, value, "shape");
        if (Integers(file, name, value, "data_offsets") is not [var begin, var end] || end < begin)
            throw Wrong(file, $"tensor '{name}': its data_offsets are not a beginning and an end");

        var size = (Int128)TensorInfo.SizeOf(type);
        foreach (var length in shape)
        {
            size *= length;
            if (size > long.MaxValue)
                throw Wrong(file, $"tensor '{name}': its shape [{string.Join(", ", shape)}] is larger than any file");
        }

        if (size != end - begin)
            throw Wrong(file, $"tensor '{name}': its shape [{string.Join(", ", shape)}] of {type} is {Text((long)size)} bytes, its place has {Text(end - begin)}");
        if (end > fileLength - dataStart)
            throw Wrong(file, $"tensor '{name}': its bytes {Text(begin)}..{Text(end)} end past the file (truncated? {Text(fileLength - dataStart)} bytes follow the header)");
        return new TensorInfo(name, type, shape, dataStart + begin, end - begin);
    }

    private static long[] Integers(string file, string name, JsonElement value, string property)
    {
        if (!value.TryGetProperty(property, out var array) || array.ValueKind != JsonValueKind.Array)
            throw Wrong(file, $"tensor '{name}': it has no {property}");
        var numbers = new long[array.GetArrayLength()];
        var at = 0;
        foreach (var item in array.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out numbers[at]) || numbers[at] < 0)
                throw Wrong(file, $"tensor '{name}': its {property} has something that is not a whole number of 0 or more");
            at++;
        }

        return numbers;
    }

    private static void CheckCovered(string file, IEnumerable<TensorInfo> tensors, long dataStart, long fileLength)
    {
        var covered = dataStart;
        TensorInfo? before = null;
        foreach (var tensor in tensors.OrderBy(t => t.Start).ThenBy(t => t.Bytes))
        {
            if (tensor.Start < covered)
                throw Wrong(file, $"tensor '{tensor.Name}': its bytes overlap those of '{before!.Name}'");
            if (tensor.Start > covered)
                throw Wrong(file, $"tensor '{tensor.Name}': {Text(tensor.Start - covered)} bytes before it belong to no tensor");
            covered += tensor.Bytes;
            before = tensor;
        }

        if (covered != fileLength)
            throw Wrong(file, $"its last {Text(fileLength - covered)} bytes belong to no tensor");
    }

    private static string Text(long bytes) => bytes.ToString("N0", CultureInfo.InvariantCulture);
}
