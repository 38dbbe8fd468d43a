using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Weir.Leases.Doors;
using Weir.Leases.Doors.Forwarding;

namespace Weir.Tests.Leases.Doors;

public sealed class DoorRequestTests
{
    [Theory]
    [InlineData("/doors/rag.0", "", "")]
    [InlineData("/doors/rag.0/", "/", "")]
    [InlineData("/doors/rag.0?q=%2e%2e/../x", "", "?q=%2e%2e/../x")]
    [InlineData("/doors/rag.0/a%2Fb//c%20d?x=1&y", "/a%2Fb//c%20d", "?x=1&y")]
    [InlineData("/doors/rag.0/...", "/...", "")]
    [InlineData("/doors/rag%2E0/a", "/a", "")]
    public void Read_Paths_KeepsWhatFollowsTheDoor(string target, string path, string query)
    {
        var door = DoorRequest.Read(Context(target), "rag.0").ShouldNotBeNull();

        (door.Path, door.Query).ShouldBe((path, query));
    }

    [Theory]
    [InlineData("/doors/rag.0/../rag.1")]
    [InlineData("/doors/rag.0/a/..")]
    [InlineData("/doors/rag.0/./a")]
    [InlineData("/doors/rag.0/%2e%2E/a")]
    [InlineData("/doors/rag.0/.%2e/a")]
    [InlineData("/doors/rag.0/a%2f..%2fb")]
    [InlineData("/doors/rag.0/a%5c..%5cb")]
    [InlineData("/doors/x/../rag.0/a")]
    [InlineData("http://evil/doors/rag.0/a")]
    [InlineData("/doors/rag.1/a")]
    [InlineData("/doors/rag.0/a#b")]
    [InlineData("/doors/rag.0/a b")]
    [InlineData("/doors/rag.0/é")]
    [InlineData("/other/rag.0/a")]
    public void Read_WhatCouldLeadElsewhere_IsNone(string target) => DoorRequest.Read(Context(target), "rag.0").ShouldBeNull();

    [Theory]
    [InlineData("http://h:5000", "", "http://h:5000/")]
    [InlineData("http://h:5000", "//evil.example/x", "http://h:5000//evil.example/x")]
    [InlineData("http://h:5000/base", "", "http://h:5000/base")]
    [InlineData("http://h:5000/base/", "/a%2Fb", "http://h:5000/base/a%2Fb")]
    [InlineData("http://h:5000/base", "/@evil", "http://h:5000/base/@evil")]
    public void AddressOf_AddsToTheBaseAndStaysThere(string root, string path, string expected)
    {
        var address = new ForwardTarget(new Uri(root), new Dictionary<string, string>()) { Name = "x" }.AddressOf(path, "?q=%41");

        address.Host.ShouldBe("h");
        address.OriginalString.ShouldBe(expected + "?q=%41");
        (address.Scheme + "://" + address.Authority + address.PathAndQuery).ShouldBe(expected + "?q=%41");
    }

    [Theory]
    [InlineData("/base/login?x=1", "/doors/rag.0/login?x=1")]
    [InlineData("next", "/doors/rag.0/next")]
    [InlineData("http://h:5000/base", "/doors/rag.0")]
    [InlineData("http://h:5000/other", null)]
    [InlineData("/basement", null)]
    [InlineData("http://elsewhere/base/x", null)]
    public void ThroughDoor_Redirects(string location, string? expected) =>
        new ForwardTarget(new Uri("http://h:5000/base"), new Dictionary<string, string>()) { Name = "x" }
            .ThroughDoor(location, new Uri("http://h:5000/base/a"), "/doors/rag.0").ShouldBe(expected);

    [Fact]
    public void TakeToken_EachWay_IsFoundAndTakenOut()
    {
        var own = Context("/");
        own.Request.Headers["x-weir-token"] = "one";
        own.Request.Headers.Authorization = "Bearer weir_a_key";
        DoorRequest.TakeToken(own.Request).ShouldBe("one");
        own.Request.Headers.ShouldBeEmpty();

        var bearer = Context("/");
        bearer.Request.Headers.Authorization = "bearer two";
        DoorRequest.TakeToken(bearer.Request).ShouldBe("two");
        bearer.Request.Headers.ShouldBeEmpty();

        var browser = Context("/");
        browser.Request.Headers.SecWebSocketProtocol = "weir, weir.token.three, chat";
        DoorRequest.TakeToken(browser.Request).ShouldBe("three");
        browser.Request.Headers.SecWebSocketProtocol.ToString().ShouldBe("weir, chat");

        var query = Context("/doors/rag.0?token=four");
        query.Request.QueryString = new QueryString("?token=four&x-weir-token=four");
        DoorRequest.TakeToken(query.Request).ShouldBeNull();
    }

    private static DefaultHttpContext Context(string target)
    {
        var context = new DefaultHttpContext();
        context.Features.Get<IHttpRequestFeature>()!.RawTarget = target;
        return context;
    }
}
