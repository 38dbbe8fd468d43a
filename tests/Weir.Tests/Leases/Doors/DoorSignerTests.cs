using Weir.Leases.Doors;
using Weir.State;

namespace Weir.Tests.Leases.Doors;

public sealed class DoorSignerTests
{
    private readonly DoorSigner _signer = new();

    public DoorSignerTests() => _signer.Use([.. Enumerable.Range(0, DoorSigner.SecretLength).Select(i => (byte)i)]);

    [Fact]
    public void Read_OwnToken_SaysLeaseAndFence()
    {
        var token = _signer.Sign(DoorPurpose.Use, "remote:gpu-box.a.0", "lease_7.x", 1_900_000_000_000_123);

        token.ShouldStartWith("weirdoor_lease_7.x.1900000000000123.");
        _signer.Read(DoorPurpose.Use, "remote:gpu-box.a.0", token).ShouldBe(new DoorClaim("lease_7.x", 1_900_000_000_000_123));
        // It has to fit the name of a WebSocket protocol.
        token.ShouldAllBe(c => char.IsAsciiLetterOrDigit(c) || c == '_' || c == '-' || c == '.');
    }

    [Fact]
    public void Read_ForAnotherResourceOrPurpose_IsNone()
    {
        var token = _signer.Sign(DoorPurpose.Use, "rag.3", "l", 5);

        _signer.Read(DoorPurpose.Use, "rag.30", token).ShouldBeNull();
        _signer.Read(DoorPurpose.Prepare, "rag.3", token).ShouldBeNull();
        _signer.Read(DoorPurpose.Prepare, "rag.3", "weirhome_" + token["weirdoor_".Length..]).ShouldBeNull();
        _signer.Read(DoorPurpose.Use, "rag.3", "weirdoor_" + _signer.Sign(DoorPurpose.Prepare, "rag.3", "l", 5)["weirhome_".Length..]).ShouldBeNull();
    }

    [Fact]
    public void Read_OfAnotherSecret_IsNone()
    {
        var other = new DoorSigner();
        other.Use(new byte[DoorSigner.SecretLength]);

        _signer.Read(DoorPurpose.Use, "rag.3", other.Sign(DoorPurpose.Use, "rag.3", "l", 5)).ShouldBeNull();
    }

    [Fact]
    public void Read_AnyOtherCharacter_IsNone()
    {
        var token = _signer.Sign(DoorPurpose.Use, "rag.3", "lease", 12345);

        for (var at = 0; at < token.Length; at++)
        {
            foreach (var other in "Az0._-\n ")
            {
                var forged = token[..at] + other + token[(at + 1)..];
                // The last character of 43 holds two bits that say nothing; they must be zero.
                if (forged != token)
                    _signer.Read(DoorPurpose.Use, "rag.3", forged).ShouldBeNull(forged);
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("weirdoor_")]
    [InlineData("weirdoor_.")]
    [InlineData("weirdoor_..")]
    [InlineData("weirdoor_a.1.")]
    [InlineData("weirdoor_.1.AAAA")]
    [InlineData("weirdoor_a.-1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("weirdoor_a.99999999999999999999.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void Read_Garbage_IsNone(string token)
    {
        _signer.Read(DoorPurpose.Use, "rag.3", token).ShouldBeNull();
        _signer.Read(DoorPurpose.Use, "rag.3", token + new string('x', 10_000)).ShouldBeNull();
    }

    [Fact]
    public void Sign_WithoutSecret_SaysThatItIsAway()
    {
        var signer = new DoorSigner();

        signer.IsReady.ShouldBeFalse();
        Should.Throw<StoreUnavailableException>(() => signer.Sign(DoorPurpose.Use, "rag.3", "l", 5));
    }
}
