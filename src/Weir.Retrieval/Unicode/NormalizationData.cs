using System.Globalization;

namespace Weir.Retrieval.Unicode;

/// <summary>The tables behind <see cref="UnicodeNormalizer"/>, read once from the embedded normalization.txt (written by eng/unicode/normalization.py).</summary>
internal sealed class NormalizationData
{
    private readonly byte[]?[] _classes = new byte[]?[0x110000 >> 8];
    private readonly int[]?[]?[] _canonical = new int[]?[]?[0x110000 >> 8];
    private readonly int[]?[]?[] _compatible = new int[]?[]?[0x110000 >> 8];
    private readonly Dictionary<long, int> _pairs = [];

    private NormalizationData(TextReader reader)
    {
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
                continue;
            var words = line.Split(' ');
            var point = Hex(words[1]);
            switch (words[0])
            {
                case "C":
                    (_classes[point >> 8] ??= new byte[256])[point & 255] = byte.Parse(words[2], CultureInfo.InvariantCulture);
                    break;
                case "D":
                    (_canonical[point >> 8] ??= new int[]?[256])[point & 255] = [.. words.Skip(2).Select(Hex)];
                    break;
                case "K":
                    (_compatible[point >> 8] ??= new int[]?[256])[point & 255] = [.. words.Skip(2).Select(Hex)];
                    break;
                default:
                    _pairs.Add(((long)point << 32) | (uint)Hex(words[2]), Hex(words[3]));
                    break;
            }
        }
    }

    public static NormalizationData Shared { get; } = Read();

    /// <summary>The canonical combining class: 0 for what marks combine with.</summary>
    public int ClassOf(int codePoint) => _classes[codePoint >> 8] is { } page ? page[codePoint & 255] : 0;

    /// <summary>The full decomposition; null: it stays as it is.</summary>
    public int[]? DecompositionOf(int codePoint, bool compatible) =>
        compatible && _compatible[codePoint >> 8]?[codePoint & 255] is { } found ? found : _canonical[codePoint >> 8]?[codePoint & 255];

    /// <summary>What two code points compose to; 0: nothing.</summary>
    public int Compose(int first, int second) => _pairs.GetValueOrDefault(((long)first << 32) | (uint)second);

    private static int Hex(string word) => int.Parse(word, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static NormalizationData Read()
    {
        using var stream = typeof(NormalizationData).Assembly.GetManifestResourceStream("normalization.txt")!;
        using var reader = new StreamReader(stream);
        return new NormalizationData(reader);
    }
}
