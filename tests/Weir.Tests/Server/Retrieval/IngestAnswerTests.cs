using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Weir.Retrieval.Collections.Ingest;
using Weir.Server.Retrieval;
using Weir.Tests.Support;

namespace Weir.Tests.Server.Retrieval;

public sealed class IngestAnswerTests
{
    [Fact]
    public async Task Stream_FaultThatNobodyForesaw_EndsWithAnErrorEventAndIsLogged()
    {
        var logger = new RecordingLogger<IngestAnswer>();
        await using var services = new ServiceCollection().AddSingleton(TimeProvider.System).AddSingleton<ILogger<IngestAnswer>>(logger).BuildServiceProvider();
        using var body = new MemoryStream();
        var context = new DefaultHttpContext { RequestServices = services };
        context.Request.Headers.Accept = "text/event-stream";
        context.Response.Body = body;

        await new IngestAnswer(context, async (tell, _) =>
        {
            await tell!(new IngestReport { Documents = 3 });
            throw new InvalidOperationException("secret details");
        }).WriteAsync();

        var events = Encoding.UTF8.GetString(body.ToArray());
        var last = events.TrimEnd().Split("\n\n")[^1];
        last.ShouldStartWith("data: {\"type\":\"error\"");
        last.ShouldContain("\"documents\":3");
        last.ShouldContain("\"code\":\"internal_error\"");
        events.ShouldNotContain("secret");
        logger.Lines.ShouldHaveSingleItem().Exception.ShouldBeOfType<InvalidOperationException>();
    }
}
