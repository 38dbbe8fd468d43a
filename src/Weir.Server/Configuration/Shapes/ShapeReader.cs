using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;

namespace Weir.Server.Configuration.Shapes;

/// <summary>
/// Reads the shape of <see cref="WeirOptions"/> from its types: the names, ranges and nullability stand there once, in C#.
/// A property of a type that no setting may have is a bug and throws.
/// </summary>
internal sealed class ShapeReader
{
    private readonly NullabilityInfoContext _nullability = new();
    private readonly Dictionary<Type, ObjectShape> _objects = [];

    /// <summary>The shape of the whole of <c>weir.json</c>.</summary>
    public static ObjectShape Root { get; } = new ShapeReader().ReadObject(typeof(WeirOptions));

    /// <summary>A name of C# as it is written on the wire.</summary>
    public static string WireName(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    private ObjectShape ReadObject(Type type)
    {
        if (_objects.TryGetValue(type, out var known))
        {
            return known;
        }

        var settings = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.SetMethod is { IsPublic: true })
            .Select(ReadSetting)
            .ToArray();
        return _objects[type] = new ObjectShape(type, settings);
    }

    private Setting ReadSetting(PropertyInfo property)
    {
        var length = property.GetCustomAttribute<MinLengthAttribute>()?.Length ?? 0;
        return new Setting(WireName(property.Name), property, ReadShape(property.PropertyType))
        {
            Nullable = Nullable.GetUnderlyingType(property.PropertyType) is not null
                || _nullability.Create(property).WriteState == NullabilityState.Nullable,
            Required = property.GetCustomAttribute<RequiredAttribute>() is not null,
            Secret = property.GetCustomAttribute<DataTypeAttribute>() is { DataType: DataType.Password },
            RestartRequired = property.GetCustomAttribute<RestartRequiredAttribute>() is not null,
            Bounds = ReadBounds(property.GetCustomAttribute<RangeAttribute>()),
            Pattern = property.GetCustomAttribute<RegularExpressionAttribute>() is { } expression
                ? new Regex($"^(?:{expression.Pattern})\\z", RegexOptions.CultureInvariant)
                : null,
            MinLength = length,
        };
    }

    private Shape ReadShape(Type declared)
    {
        var type = Nullable.GetUnderlyingType(declared) ?? declared;
        if (ScalarShape.Of(type) is { } scalar)
        {
            return scalar;
        }

        if (type.IsEnum)
        {
            return new WordShape(type, [.. type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(ReadWord)]);
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
        {
            var value = type.GetGenericArguments()[1];
            return new MapShape(value, ReadShape(value));
        }

        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            var item = type.GetGenericArguments()[0];
            return new ListShape(item, ReadShape(item));
        }

        return type.IsClass && type.Name.EndsWith("Options", StringComparison.Ordinal)
            ? ReadObject(type)
            : throw new InvalidOperationException($"A setting cannot be of type {type}: say in ShapeReader how it is written.");
    }

    private static Word ReadWord(FieldInfo field) =>
        new(field.GetCustomAttribute<JsonStringEnumMemberNameAttribute>()?.Name ?? WireName(field.Name), field.GetValue(null)!, field);

    private static Bounds? ReadBounds(RangeAttribute? range)
    {
        if (range is null)
        {
            return null;
        }

        return range.OperandType == typeof(TimeSpan) ? new Bounds(Ticks(range.Minimum), Ticks(range.Maximum)) : new Bounds(Figure(range.Minimum), Figure(range.Maximum));

        static double Ticks(object bound) => TimeSpan.Parse((string)bound, CultureInfo.InvariantCulture).Ticks;
        static double Figure(object bound) => Convert.ToDouble(bound, CultureInfo.InvariantCulture);
    }
}
