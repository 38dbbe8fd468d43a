using System.Text.Json;

namespace Weir.Retrieval.Filters;

/// <summary>A text, number, boolean or null of a filter, independent of the document it came in.</summary>
internal sealed class FilterValue
{
    private readonly JsonValueKind _kind;
    private readonly string? _text;
    private readonly long? _integer;
    private readonly double _number;

    private FilterValue(JsonElement value)
    {
        _kind = value.ValueKind;
        _text = _kind is JsonValueKind.String ? value.GetString() : null;
        if (_kind is not JsonValueKind.Number)
            return;
        _integer = value.TryGetInt64(out var integer) ? integer : null;
        _number = value.GetDouble();
    }

    /// <summary>Null where it is no text.</summary>
    public string? Text => _text;

    public bool IsOrdered => _kind is JsonValueKind.Number or JsonValueKind.String;

    /// <summary>Null where the value is a list or an object.</summary>
    public static FilterValue? From(JsonElement value) => value.ValueKind is JsonValueKind.Object or JsonValueKind.Array ? null : new(value);

    public bool Equals(JsonElement value) => value.ValueKind == _kind && _kind switch
    {
        JsonValueKind.String => value.ValueEquals(_text),
        JsonValueKind.Number => CompareFrom(value) == 0,
        _ => true,
    };

    /// <summary>The sign of a value against this one; null where their types differ. Integers of 64 bits are compared exactly, other numbers in double precision.</summary>
    public int? CompareFrom(JsonElement value)
    {
        if (value.ValueKind != _kind)
            return null;
        if (_kind is JsonValueKind.String)
            return string.CompareOrdinal(value.GetString(), _text);
        if (_kind is not JsonValueKind.Number)
            return null;
        return _integer is { } integer && value.TryGetInt64(out var other) ? other.CompareTo(integer) : value.GetDouble().CompareTo(_number);
    }
}
