using System.Buffers.Text;
using Weir.Inference.Responses;

namespace Weir.Tests.Inference.Responses;

public sealed class ResponseIdsTests
{
    private static readonly ResponseOrigin Origin = new("openai/gpt-4o", 0x01020304, "resp_68a1f0c2d9e481919f");

    private static ResponseIds Made(byte fill = 7)
    {
        var ids = new ResponseIds();
        ids.Use(Enumerable.Repeat(fill, ResponseIds.SecretLength).ToArray());
        return ids;
    }

    [Theory]
    [InlineData("openai/gpt-4o", "resp_68a1f0c2d9e481919f")]
    [InlineData("box/org/model:8b", "12345678")]
    [InlineData("ключ/модель", "resp_1~.:-_x")]
    public void TryDecode_OwnId_GivesBackTheOrigin(string deployment, string upstream)
    {
        var ids = Made();
        var origin = new ResponseOrigin(deployment, 0xFFFFFFFF, upstream);

        var id = ids.Encode("tenant", origin)!;

        id.ShouldStartWith("resp_");
        id.AsSpan().ContainsAnyExcept(System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")).ShouldBeFalse();
        ids.TryDecode(id, "tenant", out var back).ShouldBeTrue();
        back.ShouldBe(origin);
        ids.Encode("tenant", origin).ShouldBe(id, "an id is always the same, so that clients may compare it");
    }

    [Fact]
    public void TryDecode_LongestNames_AreCarriedAndLongerOnesAreNotNamed()
    {
        var ids = Made();
        var longest = new ResponseOrigin(new string('p', 1024), 1, new string('1', 256));

        ids.TryDecode(ids.Encode("t", longest)!, "t", out var back).ShouldBeTrue();
        back.ShouldBe(longest);
        ids.Encode("t", longest with { Deployment = new string('p', 1025) }).ShouldBeNull();
        ids.Encode("t", longest with { UpstreamId = new string('1', 257) }).ShouldBeNull();
    }

    [Fact]
    public void TryDecode_AnotherTenantOrSecret_IsRefused()
    {
        var ids = Made();
        var id = ids.Encode("tenant", Origin)!;

        ids.TryDecode(id, "tenant2", out _).ShouldBeFalse();
        ids.TryDecode(id, "", out _).ShouldBeFalse();
        Made(8).TryDecode(id, "tenant", out _).ShouldBeFalse();
    }

    [Fact]
    public void TryDecode_AnyBitFlipped_IsRefused()
    {
        var ids = Made();
        var payload = Base64Url.DecodeFromChars(ids.Encode("tenant", Origin)!.AsSpan(5));

        for (var bit = 0; bit < payload.Length * 8; bit++)
        {
            payload[bit / 8] ^= (byte)(1 << (bit % 8));
            ids.TryDecode("resp_" + Base64Url.EncodeToString(payload), "tenant", out _).ShouldBeFalse($"bit {bit}");
            payload[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void TryDecode_AnyCharacterChanged_IsRefused()
    {
        const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_- =%\u0000é";
        var ids = Made();

        // Names of three lengths, so that the encoding ends with each number of spare bits.
        foreach (var upstream in (string[])["12345678", "123456789", "1234567890"])
        {
            var id = ids.Encode("tenant", Origin with { UpstreamId = upstream })!;
            for (var at = 0; at < id.Length; at++)
            {
                foreach (var other in Alphabet.Where(other => other != id[at]))
                {
                    ids.TryDecode(string.Concat(id.AsSpan(0, at), [other], id.AsSpan(at + 1)), "tenant", out _).ShouldBeFalse($"{at} {other}");
                }
            }
        }
    }

    [Fact]
    public void TryDecode_CutOrExtended_IsRefused()
    {
        var ids = Made();
        var id = ids.Encode("tenant", Origin)!;

        for (var length = 0; length < id.Length; length++)
        {
            ids.TryDecode(id[..length], "tenant", out _).ShouldBeFalse();
            ids.TryDecode(id[length..] is var rest && rest == id ? "x" : rest, "tenant", out _).ShouldBeFalse();
        }

        foreach (var more in (string[])["A", "AA", "AAAA", "=", "==", " ", "\n", "\0"])
        {
            ids.TryDecode(id + more, "tenant", out _).ShouldBeFalse();
            ids.TryDecode(more + id, "tenant", out _).ShouldBeFalse();
        }

        ids.TryDecode("resp_" + new string('A', 1_000_000), "tenant", out _).ShouldBeFalse();
    }

    [Fact]
    public void TryDecode_RandomGarbage_IsRefusedWithoutAnException()
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var ids = Made();
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = new byte[random.Next(0, 200)];
            random.NextBytes(bytes);
            var text = (i % 3) switch
            {
                0 => "resp_" + Base64Url.EncodeToString(bytes),
                1 => "resp_" + string.Concat(bytes.Select(b => (char)(b + (b % 7 == 0 ? 0x4000 : 0)))),
                _ => Convert.ToHexString(bytes),
            };
            ids.TryDecode(text, "tenant", out _).ShouldBeFalse($"seed {seed}: {text}");
        }
    }

    [Fact]
    public void Use_WrongLength_Throws()
    {
        var ids = new ResponseIds();

        ids.IsReady.ShouldBeFalse();
        Should.Throw<ArgumentException>(() => ids.Use(new byte[31]));
        ids.IsReady.ShouldBeFalse();
    }
}
