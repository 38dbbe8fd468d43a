using System.Collections.Frozen;
using System.Text.Json;

namespace Weir.Retrieval.Filters;

/// <summary>A test of one value.</summary>
internal abstract class FieldTest
{
    public abstract bool Holds(JsonElement value);
}

internal sealed class IsPresent : FieldTest
{
    public override bool Holds(JsonElement value) => true;
}

/// <summary>Texts are looked up, however many there are; of the other kinds nobody lists many.</summary>
internal sealed class IsOneOf(IReadOnlyList<FilterValue> values) : FieldTest
{
    private const int FewTexts = 8;

    private readonly FrozenSet<string>? _texts = values.Count(static value => value.Text is not null) > FewTexts
        ? values.Select(static value => value.Text).OfType<string>().ToFrozenSet(StringComparer.Ordinal)
        : null;

    public override bool Holds(JsonElement value)
    {
        if (_texts is not null && value.ValueKind is JsonValueKind.String)
            return _texts.Contains(value.GetString()!);
        foreach (var wanted in values)
        {
            if (wanted.Equals(value))
                return true;
        }

        return false;
    }
}

/// <summary>Numbers by size, texts by their code units: dates written as RFC 3339 in one time zone come in order.</summary>
internal sealed class IsOrdered(FilterValue bound, Order order) : FieldTest
{
    public override bool Holds(JsonElement value) => bound.CompareFrom(value) is { } sign && order switch
    {
        Order.Over => sign > 0,
        Order.AtLeast => sign >= 0,
        Order.Under => sign < 0,
        _ => sign <= 0,
    };
}

internal enum Order
{
    Over,
    AtLeast,
    Under,
    AtMost,
}
