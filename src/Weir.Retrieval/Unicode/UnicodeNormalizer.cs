using System.Text;

namespace Weir.Retrieval.Unicode;

/// <summary>
/// NFC, NFD, NFKC and NFKD (Unicode Standard Annex 15). Ours, because <see cref="string.Normalize()"/> gives text back unchanged where
/// globalization is invariant, as it is in this server.
/// </summary>
internal static class UnicodeNormalizer
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28, HangulCount = LeadCount * VowelCount * TrailCount;

    [ThreadStatic]
    private static List<int>? _points;

    public static string Normalize(string text, NormalizationForm form)
    {
        if (IsUnchanged(text, form))
            return text;
        var buffer = new CharBuffer();
        Normalize(text, form, buffer);
        return buffer.Span.ToString();
    }

    /// <summary>Appends the text in the form. Time follows the length of the text, marks in any number and order included.</summary>
    public static void Normalize(ReadOnlySpan<char> text, NormalizationForm form, CharBuffer result)
    {
        if (IsUnchanged(text, form))
        {
            result.Append(text);
            return;
        }

        var points = _points ??= [];
        try
        {
            Decompose(text, form is NormalizationForm.FormKC or NormalizationForm.FormKD, points);
            if (form is NormalizationForm.FormC or NormalizationForm.FormKC)
                Compose(points);
            foreach (var point in points)
                result.AppendCodePoint(point);
        }
        finally
        {
            points.Clear();
            if (points.Capacity > 1 << 16)
                _points = null;
        }
    }

    // Below these nothing composes or decomposes: most text never sees the tables.
    private static bool IsUnchanged(ReadOnlySpan<char> text, NormalizationForm form) => form switch
    {
        NormalizationForm.FormC => !text.ContainsAnyExceptInRange('\0', '\u02FF'),
        NormalizationForm.FormD => !text.ContainsAnyExceptInRange('\0', '\u00BF'),
        _ => !text.ContainsAnyExceptInRange('\0', '\u009F'),
    };

    private static void Decompose(ReadOnlySpan<char> text, bool compatible, List<int> points)
    {
        var data = NormalizationData.Shared;
        var marks = 0; // how many marks stand at the end, not yet in order
        for (var i = 0; i < text.Length;)
        {
            var point = CodePoints.At(text, i, out var length);
            i += length;
            var syllable = point - HangulBase;
            if ((uint)syllable < HangulCount)
            {
                Order(points, ref marks);
                points.Add(LeadBase + (syllable / (VowelCount * TrailCount)));
                points.Add(VowelBase + (syllable / TrailCount % VowelCount));
                if (syllable % TrailCount is not 0 and var trail)
                    points.Add(TrailBase + trail);
            }
            else if (point < 0x80 || data.DecompositionOf(point, compatible) is not { } parts)
            {
                Add(point, data, points, ref marks);
            }
            else
            {
                foreach (var part in parts)
                    Add(part, data, points, ref marks);
            }
        }

        Order(points, ref marks);
    }

    private static void Add(int point, NormalizationData data, List<int> points, ref int marks)
    {
        if (point >= 0x80 && data.ClassOf(point) != 0)
            marks++;
        else
            Order(points, ref marks);
        points.Add(point);
    }

    /// <summary>Brings the marks at the end into the order of their classes; marks of one class keep theirs.</summary>
    private static void Order(List<int> points, ref int marks)
    {
        if (marks > 1)
        {
            var data = NormalizationData.Shared;
            var run = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(points)[^marks..];
            // The class, then the place, then the point in one key: a stable sort that does not slow down on a wall of marks.
            var keys = marks <= 32 ? stackalloc UInt128[marks] : new UInt128[marks];
            for (var i = 0; i < marks; i++)
                keys[i] = new UInt128((ulong)data.ClassOf(run[i]), ((ulong)i << 32) | (uint)run[i]);
            keys.Sort();
            for (var i = 0; i < marks; i++)
                run[i] = (int)(uint)keys[i];
        }

        marks = 0;
    }

    private static void Compose(List<int> points)
    {
        var data = NormalizationData.Shared;
        var span = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(points);
        int written = 0, starter = -1, last = 0; // last: the class of what was written last
        foreach (var point in span)
        {
            var mark = data.ClassOf(point);
            // Blocked from the starter: something of the same or a higher class, or another starter, stands between.
            if (starter >= 0 && (starter == written - 1 || (last != 0 && last < mark)) && Pair(span[starter], point, data) is not 0 and var composed)
            {
                span[starter] = composed;
                continue;
            }

            if (mark == 0)
                starter = written;
            last = mark;
            span[written++] = point;
        }

        points.RemoveRange(written, points.Count - written);
    }

    private static int Pair(int first, int second, NormalizationData data)
    {
        if ((uint)(first - LeadBase) < LeadCount && (uint)(second - VowelBase) < VowelCount)
            return HangulBase + ((((first - LeadBase) * VowelCount) + second - VowelBase) * TrailCount);
        var syllable = first - HangulBase;
        if ((uint)syllable < HangulCount && syllable % TrailCount == 0 && second > TrailBase && second < TrailBase + TrailCount)
            return first + second - TrailBase;
        return data.Compose(first, second);
    }
}
