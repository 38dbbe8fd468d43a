using System.Text.Json;

namespace Weir.Leases.Desktops.Input;

/// <summary>Reads the fields of one action, and keeps the first thing that is wrong with them. Names may be in camelCase or snake_case.</summary>
internal sealed class ActionFields
{
    private readonly string _path;
    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);
    private readonly List<string> _known = [];

    public ActionFields(JsonElement action, string path, string type)
    {
        (_path, Type) = (path, type);
        foreach (var field in action.EnumerateObject())
        {
            if (field.NameEquals("type"))
                continue;
            if (!_fields.TryAdd(ActionTypes.Plain(field.Name), field.Value))
                Fail(field.Name, "is given twice.");
        }
    }

    public string Type { get; }

    public LeaseError? Fault { get; private set; }

    public void Fail(string? field, string message) =>
        Fault ??= new LeaseError(422, "invalid_value", $"{_path}{(field is null ? "" : "." + field)} {message}") { Param = _path + (field is null ? "" : "." + field) };

    /// <summary>A point, of which both numbers or none are given.</summary>
    public ScreenPoint? Point(bool required)
    {
        var (x, y) = (Whole("x", -short.MaxValue, short.MaxValue), Whole("y", -short.MaxValue, short.MaxValue));
        if (x is { } left && y is { } top)
            return new ScreenPoint(left, top);
        if (required || x is not null || y is not null)
            Fail(x is null ? "x" : "y", $"is missing: '{Type}' takes a whole number of pixels.");
        return null;
    }

    public int? Whole(string name, int least, int most)
    {
        if (Take(name) is not { } value)
            return null;
        // 3.0 is a whole number too.
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number == Math.Floor(number))
        {
            if (number >= least && number <= most)
                return (int)number;
            Fail(name, $"is out of range: from {least} to {most}.");
            return null;
        }

        Fail(name, "must be a whole number.");
        return null;
    }

    /// <summary>Seconds, with fractions.</summary>
    public TimeSpan Seconds(string name, double most, double otherwise = 0)
    {
        if (Take(name) is not { } value)
            return TimeSpan.FromSeconds(otherwise);
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var seconds) && seconds >= 0 && seconds <= most)
            return TimeSpan.FromSeconds(seconds);
        Fail(name, $"must be a number of seconds from 0 to {most:0.###}.");
        return TimeSpan.Zero;
    }

    public string? Text(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Take(name) is not { } value)
                continue;
            if (value.ValueKind == JsonValueKind.String && Decode(value) is { } text)
                return text;
            Fail(name, "must be a string of whole characters.");
            return null;
        }

        return null;
    }

    /// <summary>One string or several.</summary>
    public IReadOnlyList<string>? Texts(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (Take(name) is not { } value)
                continue;
            IReadOnlyList<JsonElement> values = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
            if (values.Count > 0 && values.All(one => one.ValueKind == JsonValueKind.String))
                return [.. values.Select(one => Decode(one) ?? "")];
            Fail(name, "must be the name of a key, or a list of such names.");
            return null;
        }

        return null;
    }

    public PointerButton Button(PointerButton otherwise = PointerButton.Left)
    {
        if (Take("button") is not { } value)
            return otherwise;
        if (value.ValueKind == JsonValueKind.String)
        {
            switch (Decode(value)?.ToLowerInvariant())
            {
                case "left" or "primary":
                    return PointerButton.Left;
                case "middle":
                    return PointerButton.Middle;
                case "right" or "secondary":
                    return PointerButton.Right;
            }
        }

        Fail("button", "must be left, middle or right.");
        return otherwise;
    }

    /// <summary>To be called last: whatever nobody took is none of this action's.</summary>
    public void End()
    {
        if (_fields.Keys.FirstOrDefault() is { } unknown)
            Fail(unknown, $"is none of what '{Type}' takes: {(_known.Count == 0 ? "nothing" : string.Join(", ", _known))}.");
    }

    private JsonElement? Take(string name)
    {
        _known.Add(name);
        return _fields.Remove(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    /// <returns>Null: half of a surrogate pair stands alone in it.</returns>
    private static string? Decode(JsonElement value)
    {
        try
        {
            return value.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
