using System.Globalization;
using Weir.Inference.Routing;

namespace Weir.Server.Configuration.Shapes;

internal enum Scalar
{
    Text,
    Truth,
    Integer,
    Number,
    Duration,
    Rhythm,
    Size,
}

/// <summary>A single value: how it is written, read and measured.</summary>
internal sealed class ScalarShape : Shape
{
    private static readonly Dictionary<Type, Scalar> Types = new()
    {
        [typeof(string)] = Scalar.Text,
        [typeof(bool)] = Scalar.Truth,
        [typeof(int)] = Scalar.Integer,
        [typeof(double)] = Scalar.Number,
        [typeof(TimeSpan)] = Scalar.Duration,
        [typeof(Rhythm)] = Scalar.Rhythm,
        [typeof(ByteSize)] = Scalar.Size,
    };

    private ScalarShape(Scalar scalar) => Scalar = scalar;

    public Scalar Scalar { get; }

    public override string Expected => Scalar switch
    {
        Scalar.Text => "a text",
        Scalar.Truth => "true or false",
        Scalar.Integer => "a whole number",
        Scalar.Number => "a number",
        Scalar.Duration => "a duration",
        Scalar.Rhythm => "a duration or off",
        _ => "a size",
    };

    public override string Example => Scalar switch
    {
        Scalar.Text => "\"…\"",
        Scalar.Truth => "true",
        Scalar.Integer => "10",
        Scalar.Number => "0.5",
        Scalar.Duration => "\"30s\"",
        Scalar.Rhythm => "\"15s\"",
        _ => "\"32MB\"",
    };

    /// <summary>Null where the type is not a scalar that settings may have.</summary>
    public static ScalarShape? Of(Type type) => Types.TryGetValue(type, out var scalar) ? new ScalarShape(scalar) : null;

    /// <summary>The value that a text stands for; null where it stands for none.</summary>
    public object? Read(string text) => Scalar switch
    {
        Scalar.Text => text,
        Scalar.Truth => text switch { "true" => true, "false" => false, _ => null },
        Scalar.Integer => ReadInteger(text),
        Scalar.Number => ReadNumber(text),
        Scalar.Duration => DurationText.Read(text),
        Scalar.Rhythm => text == "off" ? Rhythm.Off : DurationText.Read(text) is { } every ? new Rhythm(every) : null,
        _ => ByteSizeText.Read(text),
    };

    /// <summary>Where the value stands between bounds; null where that has no meaning.</summary>
    public static double? Measure(object value) => value switch
    {
        int number => number,
        double number => number,
        TimeSpan duration => duration.Ticks,
        Rhythm { IsOff: false } rhythm => rhythm.Every.Ticks,
        ByteSize size => size.Bytes,
        _ => null,
    };

    /// <summary>A measure as it would be written in a file.</summary>
    public string Write(double measure) => Scalar switch
    {
        Scalar.Duration or Scalar.Rhythm => DurationText.Write(TimeSpan.FromTicks((long)measure)),
        Scalar.Size => ByteSizeText.Write(new ByteSize((long)measure)),
        _ => measure.ToString("0.######", CultureInfo.InvariantCulture),
    };

    /// <summary>1e3 and 3.0 are whole numbers too.</summary>
    private static int? ReadInteger(string text) =>
        ReadNumber(text) is { } number && number == Math.Floor(number) && Math.Abs(number) <= int.MaxValue ? (int)number : null;

    private static double? ReadNumber(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;
}
