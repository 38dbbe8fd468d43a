using System.Security.Cryptography;
using System.Text;
using Weir.Server.Keys;

namespace Weir.Tests.Server.Keys;

public sealed class KeySecretTests
{
    [Fact]
    public void Create_Many_AreDistinctAndWellFormed()
    {
        var secrets = Enumerable.Range(0, 1000).Select(_ => KeySecret.Create()).ToHashSet();

        secrets.Count.ShouldBe(1000);
        secrets.ShouldAllBe(s => s.StartsWith("weir_") && s.Length == 48 && s.Skip(5).All(char.IsAsciiLetterOrDigit));
    }

    [Fact]
    public void Hash_IsSha256()
    {
        var secret = KeySecret.Create();

        KeySecret.Hash(secret).ToString().ShouldBe(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret))));
    }

    [Fact]
    public void Parse_OfToString_IsTheSameHash()
    {
        var hash = KeySecret.Hash("weir_x");

        KeyHash.Parse(hash.ToString()).ShouldBe(hash);
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData("zz00000000000000000000000000000000000000000000000000000000000000")]
    public void Parse_NoHash_IsNull(string text) => KeyHash.Parse(text).ShouldBeNull();

    [Fact]
    public void Shown_IsFarFromTheWhole()
    {
        var secret = KeySecret.Create();

        KeySecret.Shown(secret).Length.ShouldBe(11);
        secret.ShouldStartWith(KeySecret.Shown(secret));
    }

    [Theory]
    [InlineData("app", "App")]
    [InlineData("worker", "App, Worker")]
    [InlineData("node", "Node")]
    [InlineData("admin", "Any")]
    public void Expand_Role_AddsWhatItIncludes(string given, string expanded) =>
        Roles.Expand(Roles.Parse(given)!.Value).ToString().ShouldBe(expanded);
}
