using System.Globalization;
using System.Text.RegularExpressions;

namespace Weir.Server.Configuration.Shapes;

/// <summary>Sizes as they are written: <c>512KB</c>, <c>32MB</c>, <c>1.5GB</c>, or a plain number of bytes. Units are powers of 1024.</summary>
internal static partial class ByteSizeText
{
    /// <summary>For the schema.</summary>
    public const string Pattern = @"^[0-9]+(\.[0-9]+)?(B|KB|MB|GB|TB)$";

    private static readonly string[] Units = ["B", "KB", "MB", "GB", "TB"];

    /// <summary>Null where the text is not a size, or is more than 8 EB.</summary>
    public static ByteSize? Read(string text)
    {
        var match = Whole().Match(text);
        if (!match.Success)
        {
            return null;
        }

        var power = Math.Max(0, Array.IndexOf(Units, match.Groups[2].Value));
        var bytes = double.Parse(match.Groups[1].ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture) * Math.Pow(1024, power);
        return bytes <= 9.2233720368547748e18 ? new ByteSize((long)bytes) : null;
    }

    /// <summary>In the greatest unit that holds it a whole number of times.</summary>
    public static string Write(ByteSize size)
    {
        var (count, power) = (size.Bytes, 0);
        while (count != 0 && count % 1024 == 0 && power < Units.Length - 1)
        {
            (count, power) = (count / 1024, power + 1);
        }

        return string.Create(CultureInfo.InvariantCulture, $"{count}{Units[power]}");
    }

    [GeneratedRegex(@"^([0-9]+(?:\.[0-9]+)?)(B|KB|MB|GB|TB)?\z")]
    private static partial Regex Whole();
}
