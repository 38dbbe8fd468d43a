using System.Net;
using Microsoft.AspNetCore.Http;
using Weir.Server.Keys;

namespace Weir.Tests.Server.Keys;

public sealed class LoopbackRuleTests
{
    [Theory]
    [InlineData("http://127.0.0.1:7800", true)]
    [InlineData("http://localhost:7800", true)]
    [InlineData("http://[::1]:7800", true)]
    [InlineData("http://127.8.9.1", true)]
    [InlineData("http://0.0.0.0:7800", false)]
    [InlineData("http://[::]:7800", false)]
    [InlineData("http://192.168.1.5:7800", false)]
    [InlineData("http://weir.example:7800", false)]
    [InlineData("http://localhost.example", false)]
    [InlineData("http://*:7800", false)]
    [InlineData("http://+:7800", false)]
    public void IsLoopback_Url(string url, bool loopback) => LoopbackRule.IsLoopback(url).ShouldBe(loopback);

    [Theory]
    [InlineData("Host", "localhost:7800", true)]
    [InlineData("Host", "LOCALHOST", true)]
    [InlineData("Host", "127.0.0.1:7800", true)]
    [InlineData("Host", "[::1]:7800", true)]
    [InlineData("Host", "weir.example", false)]
    [InlineData("Host", "127.0.0.1.evil.example", false)]
    [InlineData("Host", "localhost.evil.example", false)]
    [InlineData("Host", "2130706433", false)]
    [InlineData("Host", "", false)]
    [InlineData("Origin", "http://localhost:3000", true)]
    [InlineData("Origin", "http://127.0.0.1", true)]
    [InlineData("Origin", "https://evil.example", false)]
    [InlineData("Origin", "http://localhost.evil.example", false)]
    [InlineData("Origin", "null", false)]
    [InlineData("Origin", "", false)]
    [InlineData("Forwarded", "for=127.0.0.1", false)]
    [InlineData("X-Forwarded-For", "127.0.0.1", false)]
    [InlineData("X-Forwarded-For", "", false)]
    [InlineData("X-Forwarded-Host", "localhost", false)]
    [InlineData("X-Real-IP", "127.0.0.1", false)]
    public void Allows_Header(string name, string value, bool allowed)
    {
        var context = Local();
        context.Request.Headers[name] = value;

        LoopbackRule.Allows(context).ShouldBe(allowed);
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("::1", true)]
    [InlineData("::ffff:127.0.0.1", true)]
    [InlineData("10.0.0.7", false)]
    public void Allows_Peer(string peer, bool allowed)
    {
        var context = Local();
        context.Connection.RemoteIpAddress = IPAddress.Parse(peer);

        LoopbackRule.Allows(context).ShouldBe(allowed);
    }

    [Fact]
    public void Allows_TwoOrigins_AreOneTooMany()
    {
        var context = Local();
        context.Request.Headers.Origin = new(["http://localhost", "http://localhost"]);

        LoopbackRule.Allows(context).ShouldBeFalse();
    }

    private static DefaultHttpContext Local()
    {
        var context = new DefaultHttpContext();
        context.Request.Host = new HostString("127.0.0.1:7800");
        context.Connection.RemoteIpAddress = IPAddress.Loopback;
        return context;
    }
}
