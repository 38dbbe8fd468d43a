using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Weir.Inference.Caching;

/// <summary>
/// Writes JSON so that the same value gives the same bytes however it was spelled: the order of an object's fields, white space, the
/// escapes of a string and the spelling of a number (<c>0</c>, <c>0.0</c>, <c>-0e1</c>) do not count. Numbers are compared as decimals, never as
/// binary fractions. A field given twice stands twice, in its order, since who reads the last is the provider's affair.
/// </summary>
internal static class CanonicalJson
{
    private const int LongestNumber = 128;

    public static void Write(KeyWriter key, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteFields(key, value, static _ => true);
                break;
            case JsonValueKind.Array:
                key.Tag('a');
                key.Number(value.GetArrayLength());
                foreach (var item in value.EnumerateArray())
                {
                    Write(key, item);
                }

                break;
            case JsonValueKind.String:
                WriteString(key, value);
                break;
            case JsonValueKind.Number:
                WriteNumber(key, JsonMarshal.GetRawUtf8Value(value));
                break;
            default:
                key.Tag(value.ValueKind switch { JsonValueKind.True => 't', JsonValueKind.False => 'f', _ => '0' });
                break;
        }
    }

    /// <summary>An object without the fields that do not count.</summary>
    public static void WriteFields(KeyWriter key, JsonElement value, Func<string, bool> counts)
    {
        // The sort is stable: fields of one name keep their order.
        var fields = value.EnumerateObject().Select(static field => (Name: NameOf(field), field.Value))
            .Where(field => counts(field.Name)).OrderBy(static field => field.Name, StringComparer.Ordinal).ToArray();
        key.Tag('o');
        key.Number(fields.Length);
        foreach (var (name, inner) in fields)
        {
            key.Text(name);
            Write(key, inner);
        }
    }

    private static string NameOf(JsonProperty field)
    {
        try
        {
            return field.Name;
        }
        catch (InvalidOperationException)
        {
            // As with strings that are no text; the mark in front keeps it apart from names that are.
            return "\0" + Encoding.UTF8.GetString(JsonMarshal.GetRawUtf8PropertyName(field));
        }
    }

    private static void WriteString(KeyWriter key, JsonElement value)
    {
        var raw = JsonMarshal.GetRawUtf8Value(value)[1..^1];
        if (!raw.Contains((byte)'\\'))
        {
            key.Tag('s');
            key.Bytes(raw);
            return;
        }

        string? text;
        try
        {
            text = value.GetString();
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair is well-formed JSON and no text: only the same spelling is the same.
            key.Tag('r');
            key.Bytes(raw);
            return;
        }

        key.Tag('s');
        key.Text(text);
    }

    private static void WriteNumber(KeyWriter key, ReadOnlySpan<byte> raw)
    {
        Span<byte> digits = stackalloc byte[LongestNumber];
        if (raw.Length > LongestNumber || !TryNormalise(raw, digits, out var count, out var exponent, out var isNegative))
        {
            key.Tag('x');
            key.Bytes(raw);
            return;
        }

        key.Tag(isNegative ? 'm' : 'n');
        key.Number(exponent);
        key.Bytes(digits[..count]);
    }

    // Significant digits without zeros at either end, and the power of ten of the last one.
    private static bool TryNormalise(ReadOnlySpan<byte> raw, Span<byte> digits, out int count, out int exponent, out bool isNegative)
    {
        count = 0;
        exponent = 0;
        isNegative = raw[0] == '-';
        var mark = raw.IndexOfAny((byte)'e', (byte)'E');
        var mantissa = (mark < 0 ? raw : raw[..mark])[(isNegative ? 1 : 0)..];
        if (mark >= 0)
        {
            var power = raw[(mark + 1)..];
            power = power[0] == '+' ? power[1..] : power;
            if (power.Length > 8 || !int.TryParse(power, System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out exponent))
            {
                return false;
            }
        }

        var point = mantissa.IndexOf((byte)'.');
        exponent -= point < 0 ? 0 : mantissa.Length - point - 1;
        foreach (var digit in mantissa)
        {
            if (digit != '.' && (count > 0 || digit != '0'))
            {
                digits[count++] = digit;
            }
        }

        while (count > 0 && digits[count - 1] == '0')
        {
            count--;
            exponent++;
        }

        if (count == 0)
        {
            (exponent, isNegative) = (0, false);
        }

        return true;
    }
}
