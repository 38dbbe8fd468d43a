using System.Text;

namespace Weir.Retrieval.Text;

/// <summary>
/// Brings characters that people hold for the same to one form: small letters, Latin and Greek ones without their marks, ligatures and letters of full
/// or half width as the usual ones. <see cref="string.Normalize()"/> does nothing in a process without ICU, so the rule has its own table.
/// </summary>
/// <remarks>
/// The rule, which docs/hashing-model.md tells to other implementations: combining marks from U+0300 to U+036F vanish. A character of the ranges below
/// is decomposed as NFKD does, and loses such marks. Then each character becomes small by its simple mapping, and a few letters that have no
/// decomposition (ß, æ, ø, ł, …) become what replaces them in plain ASCII.
/// </remarks>
internal static class CharacterFolding
{
    /// <summary>The most characters that one becomes.</summary>
    public const int MaxLength = 3;

    /// <summary>Writes what a character becomes, and returns how many characters (UTF-16) that is: 0 to <see cref="MaxLength"/>.</summary>
    public static int Fold(Rune rune, Span<char> destination)
    {
        if (!rune.IsBmp)
            return Rune.ToLowerInvariant(rune).EncodeToUtf16(destination);

        var c = (char)rune.Value;
        var folded = One(c);
        if (folded != '\0' || c == '\0')
        {
            destination[0] = folded;
            return 1;
        }

        var several = Several(c);
        several.CopyTo(destination);
        return several.Length;
    }

    /// <summary>What a character becomes where that is one character; NUL where it is none or several.</summary>
    private static char One(char c) => c switch
    {
        < '\u0080' => char.ToLowerInvariant(c),
        < '\u00c0' => c switch
        {
            '\u00aa' => 'a',
            '\u00b2' => '2',
            '\u00b3' => '3',
            '\u00b5' => 'μ',
            '\u00b9' => '1',
            '\u00ba' => 'o',
            _ => c,
        },
        <= '\u024f' => Latin[c - '\u00c0'],
        >= '\u0300' and <= '\u036f' => '\0',
        >= '\u0370' and <= '\u03ff' => Greek[c - '\u0370'],
        'Ё' or 'ё' => 'е',
        >= '\u1e00' and <= '\u1fff' => LatinAndGreekAdditional[c - '\u1e00'],
        >= '\ufb00' and <= '\ufb06' => '\0',
        >= '\uff01' and <= '\uff5e' => char.ToLowerInvariant((char)(c - 0xfee0)),
        >= '\uff65' and <= '\uff9f' => HalfwidthKana[c - '\uff65'],
        _ => char.ToLowerInvariant(c),
    };

    private static string Several(char c) => c switch
    {
        '\u00c6' or '\u00e6' or '\u01e2' or '\u01e3' or '\u01fc' or '\u01fd' => "ae",
        '\u00de' or '\u00fe' => "th",
        '\u00df' or '\u1e9e' => "ss",
        '\u0132' or '\u0133' => "ij",
        '\u013f' or '\u0140' => "l·",
        '\u0149' => "ʼn",
        '\u0152' or '\u0153' => "oe",
        '\u01c4' or '\u01c5' or '\u01c6' or '\u01f1' or '\u01f2' or '\u01f3' => "dz",
        '\u01c7' or '\u01c8' or '\u01c9' => "lj",
        '\u01ca' or '\u01cb' or '\u01cc' => "nj",
        '\u1e9a' => "aʾ",
        '\ufb00' => "ff",
        '\ufb01' => "fi",
        '\ufb02' => "fl",
        '\ufb03' => "ffi",
        '\ufb04' => "ffl",
        '\ufb05' or '\ufb06' => "st",
        _ => "",
    };

    // U+00C0 to U+024F
    private const string Latin =
        "aaaaaa\0ceeeeiiiidnooooo\u00d7ouuuuy\0\0aaaaaa\0ceeeeiiiidnooooo\u00f7ouuuuy\0yaaaaaaccccccccddddeee" +
        "eeeeeeegggggggghhhhiiiiiiiiii\0\0jjkkkllllll\0\0llnnnnnn\0nnoooooo\0\0rrrrrrssssssssttttttuuuuuuuuuu" +
        "uuwwyyyzzzzzzsƀɓƃƃƅƅɔƈƈɖɗƌƌƍǝəɛƒƒɠɣƕɩɨƙƙƚƛɯɲƞɵooƣƣƥƥʀƨƨʃƪƫƭƭʈuuʊʋƴƴƶƶʒƹƹƺƻƽƽƾƿǀǁǂǃ\0\0\0\0\0\0\0\0\0" +
        "aaiioouuuuuuuuuuǝaaaa\0\0ǥǥggkkooooʒʒj\0\0\0ggƕƿnnaa\0\0ooaaaaeeeeiiiioooorrrruuuussttȝȝhhƞȡȣȣȥȥaaee" +
        "ooooooooyyȴȵȶȷȸȹⱥȼȼƚⱦȿɀɂɂƀʉʌɇɇɉɉɋɋɍɍɏɏ";

    // U+0370 to U+03FF
    private const string Greek =
        "ͱͱͳͳʹ\u0375ͷͷ\u0378\u0379\u0020ͻͼͽ\u003bϳ\u0380\u0381\u0382\u0383\u0020\u0020α\u00b7εηι\u038bο\u038d" +
        "υωιαβγδεζηθικλμνξοπρ\u03a2στυφχψωιυαεηιυαβγδεζηθικλμνξοπρσστυφχψωιυουωϗβθυυυφπϗϙϙϛϛϝϝϟϟϡϡϣϣϥϥϧϧϩϩϫϫϭ" +
        "ϭϯϯκρσϳθε\u03f6ϸϸσϻϻϼͻͼͽ";

    // U+1E00 to U+1FFF
    private const string LatinAndGreekAdditional =
        "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrrssss" +
        "ssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwy\0sẜẝ\0ẟaaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeee" +
        "eeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyyỻỻỽỽỿỿααααααααααααααααεεεεεε\u1f16\u1f17εεεεεε" +
        "\u1f1e\u1f1fηηηηηηηηηηηηηηηηιιιιιιιιιιιιιιιιοοοοοο\u1f46\u1f47οοοοοο\u1f4e\u1f4fυυυυυυυυ\u1f58υ" +
        "\u1f5aυ\u1f5cυ\u1f5eυωωωωωωωωωωωωωωωωααεεηηιιοουυωω\u1f7e\u1f7fααααααααααααααααηηηηηηηηηηηηηηηηωωωωω" +
        "ωωωωωωωωωωωααααα\u1fb5ααααααα\u0020ι\u0020\u0020\u0020ηηη\u1fc5ηηεεηηη\u0020\u0020\u0020ιιιι\u1fd4" +
        "\u1fd5ιιιιιι\u1fdc\u0020\u0020\u0020υυυυρρυυυυυυρ\u0020\u0020\u0060\u1ff0\u1ff1ωωω\u1ff5ωωοοωωω" +
        "\u0020\u0020\u1fff";

    // U+FF65 to U+FF9F
    private const string HalfwidthKana =
        "\u30fbヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン\u3099\u309a";
}
