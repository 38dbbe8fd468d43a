using System.Globalization;
using System.Text.Json;
using Weir.Leases.Desktops.Screens;

namespace Weir.Leases.Desktops;

/// <summary>What a lease may ask of its desktop.</summary>
/// <param name="Size">Null: the kind's.</param>
/// <param name="Open">An address or a file that the program is started with. Null: nothing.</param>
internal sealed record VmConfig(ScreenSize? Size, string? Open)
{
    public const string DefaultSize = "1280x800";

    private const int LongestOpen = 2_048;

    /// <returns>A config, or what is wrong with it.</returns>
    public static (VmConfig Config, LeaseError? Error) Read(JsonElement? config)
    {
        var read = new VmConfig(null, null);
        if (config is not { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } given)
            return (read, null);
        if (given.ValueKind != JsonValueKind.Object)
            return (read, Wrong(null, "The config of a desktop is an object: {\"size\":\"1280x800\",\"open\":\"https://example.org\"}."));
        foreach (var field in given.EnumerateObject())
        {
            var text = field.Value.ValueKind == JsonValueKind.String ? field.Value.GetString() : null;
            switch (field.Name)
            {
                case "size" or "open" when field.Value.ValueKind == JsonValueKind.Null:
                    break;
                case "size" when SizeOf(text) is { } size:
                    read = read with { Size = size };
                    break;
                case "size":
                    return (read, Wrong("size", SizeRule));
                case "open" when text is { Length: > 0 and <= LongestOpen } && text[0] != '-' && !text.Any(char.IsControl):
                    read = read with { Open = text };
                    break;
                case "open":
                    return (read, Wrong("open", $"open must be an address or a file, of 1 to {LongestOpen} characters, that does not begin with a dash."));
                default:
                    return (read, Wrong(field.Name, "A desktop takes size and open; its program is the kind's."));
            }
        }

        return (read, null);
    }

    public const string SizeRule = "size must be a width and a height in pixels, from 320x240 to 3840x2160: \"1280x800\".";

    /// <returns>Null: this is no size that a desktop may have.</returns>
    public static ScreenSize? SizeOf(string? text)
    {
        var sides = text?.Split('x') ?? [];
        return sides.Length == 2 && Side(sides[0]) is { } width and >= 320 and <= 3840 && Side(sides[1]) is { } height and >= 240 and <= 2160 ? new ScreenSize(width, height) : null;
    }

    private static int? Side(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var side) ? side : null;

    private static LeaseError Wrong(string? field, string message) => new(422, "invalid_value", message) { Param = field };
}
