using Weir.Retrieval.Catalogs.Documents;
using Weir.Retrieval.Catalogs.Mcp;

namespace Weir.Tests.Retrieval.Catalogs.Mcp;

public sealed class McpSecretsTests
{
    [Theory]
    [InlineData("401 for Bearer sk-123456789", "401 for ***")]
    [InlineData("the key sk-123456789 is not known", "the key *** is not known")]
    [InlineData("TOKEN=hunter2, and hunter2 again", "TOKEN=***, and *** again")]
    [InlineData("on is no secret", "on is no secret")]
    [InlineData("", "")]
    public void Hide_WhatAServerWasGiven_IsNotShown(string text, string shown)
    {
        var source = new McpSource
        {
            Name = "s",
            Headers = new Dictionary<string, string> { ["Authorization"] = "Bearer sk-123456789" },
            Env = new Dictionary<string, string> { ["TOKEN"] = "hunter2", ["DEBUG"] = "on" },
        };

        new McpSecrets(source).Hide(text).ShouldBe(shown);
    }
}
