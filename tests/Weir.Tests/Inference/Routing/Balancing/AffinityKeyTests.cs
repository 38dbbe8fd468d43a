using System.Text;
using Weir.Inference.Requests;
using Weir.Inference.Routing.Balancing;

namespace Weir.Tests.Inference.Routing.Balancing;

public sealed class AffinityKeyTests
{
    private static ulong Of(string fields, string? session = null, Operation? operation = null)
    {
        var body = Encoding.UTF8.GetBytes($$"""{"model":"m"{{fields}}}""");
        RequestHeadScanner.Scan(body, out var head).ShouldBeNull();
        return AffinityKey.Of(new InferenceRequest
        {
            Operation = operation ?? Operation.ChatCompletions,
            Head = head,
            Body = body,
            Tenant = "t",
            Headers = new ClientHeaders { Session = session },
        });
    }

    [Fact]
    public void Of_Session_WinsOverTheBody()
    {
        Of(""","prompt_cache_key":"a" """, "s").ShouldBe(Of(""","prompt_cache_key":"b" """, "s"));
        Of("", "s").ShouldNotBe(Of("", "t"));
    }

    [Fact]
    public void Of_PromptCacheKey_WinsOverThePrompt()
    {
        Of(""","prompt_cache_key":"a","tools":[1] """).ShouldBe(Of(""","prompt_cache_key":"a","tools":[2] """));
        Of(""","prompt_cache_key":"a" """).ShouldNotBe(Of(""","prompt_cache_key":"b" """));
    }

    [Theory]
    [InlineData(""","messages":[{"role":"system","content":"S"},{"role":"user","content":"X"}]""", true)]
    [InlineData(""","messages":[{"content":{"role":"user"},"role":"developer"},{"role":"user","content":"X"}],"tools":[{"a":1}]""", true)]
    [InlineData(""","system":"S","messages":[{"role":"user","content":"X"}]""", true)]
    [InlineData(""","instructions":"S","input":"X" """, true)]
    [InlineData(""","input":[{"role":"system","content":"S"},{"role":"user","content":"X"}]""", true)]
    [InlineData(""","messages":[{"role":"user","content":"X"}]""", false)]
    [InlineData(""","messages":"X" """, false)]
    [InlineData(""","messages":[1,2]""", false)]
    [InlineData("", false)]
    public void Of_WhatPromptsBeginWith_IsSharedAndTheRestIsNot(string fields, bool shares)
    {
        var one = Of(fields);
        (one != 0).ShouldBe(shares);
        Of(fields.Replace("\"X\"", "\"another question\"", StringComparison.Ordinal)).ShouldBe(one);
        if (fields.Contains("\"S\"", StringComparison.Ordinal))
        {
            Of(fields.Replace("\"S\"", "\"T\"", StringComparison.Ordinal)).ShouldNotBe(one);
        }
    }
}
