using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Text.Unicode;

namespace Weir.Server.Configuration.Reading;

/// <summary>JSON with comments and trailing commas, read into nodes that know their places.</summary>
internal static partial class JsonText
{
    private const int MaxDepth = 64;
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private static readonly JsonReaderOptions Options = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        MaxDepth = MaxDepth,
    };

    /// <summary>
    /// Null where it is not JSON at all; the fault says where it stops being so. <paramref name="place"/> gives the origin
    /// for a line and column of this text.
    /// </summary>
    public static ConfigNode? Parse(byte[] text, string path, Func<int, int, Origin> place, FaultList faults)
    {
        if (text.AsSpan().StartsWith(ByteOrderMark))
        {
            text = text[ByteOrderMark.Length..];
        }

        var lines = new LineMap(text);
        Origin Place((int Line, int Column) at) => place(at.Line, at.Column);

        if (!Utf8.IsValid(text))
        {
            faults.AddSyntax(Place(lines.At(FirstInvalid(text))), path, "is not UTF-8 text", "Save it as UTF-8");
            return null;
        }

        var reader = new Utf8JsonReader(text, Options);
        try
        {
            reader.Read();
            var root = ReadValue(ref reader, path, offset => Place(lines.At(offset)), faults);
            // Throws where anything but comments follows.
            reader.Read();
            return root;
        }
        catch (JsonException exception)
        {
            var at = Place(lines.At(exception.LineNumber ?? 0, exception.BytePositionInLine ?? 0));
            faults.AddSyntax(at, path, $"is not JSON: {Sentence(exception)}", "Mend what stands there, or just before it");
        }
        catch (InvalidOperationException)
        {
            // The reader's word for an escape that names half a character.
            faults.AddSyntax(Place(lines.At(reader.TokenStartIndex)), path, "holds an escape that is not a character", "Write the character itself");
        }

        return null;
    }

    private static ConfigNode ReadValue(ref Utf8JsonReader reader, string path, Func<long, Origin> place, FaultList faults)
    {
        var origin = place(reader.TokenStartIndex);
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                return ReadObject(ref reader, path, origin, place, faults);
            case JsonTokenType.StartArray:
                var array = new ConfigArray(origin);
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
                {
                    array.Items.Add(ReadValue(ref reader, SettingPath.Item(path, array.Items.Count), place, faults));
                }

                return array;
            case JsonTokenType.String:
                return new ConfigScalar(origin, ScalarKind.Text, reader.GetString()!);
            case JsonTokenType.Number:
                return new ConfigScalar(origin, ScalarKind.Number, Encoding.UTF8.GetString(reader.ValueSpan));
            case JsonTokenType.Null:
                return new ConfigScalar(origin, ScalarKind.Null, "null");
            default:
                return new ConfigScalar(origin, ScalarKind.Truth, reader.GetBoolean() ? "true" : "false");
        }
    }

    private static ConfigObject ReadObject(
        ref Utf8JsonReader reader, string path, Origin origin, Func<long, Origin> place, FaultList faults)
    {
        var result = new ConfigObject(origin);
        var seen = new Dictionary<string, Origin>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var nameOrigin = place(reader.TokenStartIndex);
            var name = reader.GetString()!;
            var child = SettingPath.Member(path, name);
            if (!seen.TryAdd(name, nameOrigin))
            {
                faults.AddSyntax(nameOrigin, child, $"is given twice, first at {seen[name]}", "Keep one of the two");
            }

            reader.Read();
            result.Set(name, nameOrigin, ReadValue(ref reader, child, place, faults));
        }

        return result;
    }

    private static int FirstInvalid(ReadOnlySpan<byte> text)
    {
        Utf8.ToUtf16(text, new char[text.Length], out var read, out _, replaceInvalidSequences: false);
        return read;
    }

    /// <summary>
    /// The reader's sentence without its own idea of the place, which is counted from 0, and without what it quotes:
    /// an unquoted word may be a key.
    /// </summary>
    private static string Sentence(JsonException exception)
    {
        var text = exception.Message;
        var end = text.IndexOf(" LineNumber:", StringComparison.Ordinal);
        text = (end < 0 ? text : text[..end]).TrimEnd('.', ' ');
        if (text.Contains("literal", StringComparison.OrdinalIgnoreCase) || LongQuote().IsMatch(text))
        {
            return "a word without quotes that is not true, false or null";
        }

        return text.Length == 0 ? "unreadable" : char.ToLowerInvariant(text[0]) + text[1..];
    }

    [GeneratedRegex("'[^']{2,}'")]
    private static partial Regex LongQuote();
}
