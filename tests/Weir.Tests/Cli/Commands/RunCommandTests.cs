using System.CommandLine;
using Weir.Cli;
using Weir.Cli.Commands;
using Weir.Tests.Cli.Run;

namespace Weir.Tests.Cli.Commands;

public sealed class RunCommandTests : IDisposable
{
    private readonly RunFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("Say what works", "t.jsonl")]
    [InlineData("not both", "t.jsonl", "--exec", "true", "--route", "r")]
    [InlineData("--route", "t.jsonl", "--agent")]
    [InlineData("--exec takes", "t.jsonl", "--exec", " ")]
    [InlineData("--workers takes", "t.jsonl", "--exec", "true", "--workers", "0")]
    [InlineData("--workers takes", "t.jsonl", "--exec", "true", "--workers", "many")]
    [InlineData("--kinds", "t.jsonl", "--exec", "true", "--kinds", "rag=0")]
    [InlineData("--kinds", "t.jsonl", "--exec", "true", "--kinds", ",")]
    [InlineData("--timeout takes", "t.jsonl", "--exec", "true", "--timeout", "soon")]
    [InlineData("--ttl takes", "t.jsonl", "--exec", "true", "--ttl", "10ms")]
    [InlineData("--retries takes", "t.jsonl", "--exec", "true", "--retries", "-1")]
    [InlineData("--rate takes", "t.jsonl", "--exec", "true", "--rate", "0/s")]
    [InlineData("--url takes", "t.jsonl", "--exec", "true", "--url", "here")]
    [InlineData("--priority takes", "t.jsonl", "--exec", "true", "--priority", "10")]
    [InlineData("--labels", "t.jsonl", "--exec", "true", "--labels", "x")]
    [InlineData("failed", "t.jsonl", "--exec", "true", "--retry", "all")]
    [InlineData("t.jsonl", "t.jsonl", "--exec", "true")]
    public async Task Usage_ThatIsWrong_IsToldAndIs2(string told, params string[] arguments)
    {
        arguments[0] = _folder[arguments[0]];

        var (code, error) = await RunAsync(arguments);

        code.ShouldBe(2, error);
        error.ShouldContain(told);
    }

    [Fact]
    public async Task Results_ThatAreSomethingElse_AreRefusedAndLeft()
    {
        _folder.Write("t.jsonl", "one\n");
        _folder.Write("t.results.jsonl", "my notes\n");

        var (code, error) = await RunAsync([_folder["t.jsonl"], "--exec", "true"]);

        code.ShouldBe(2, error);
        error.ShouldContain("Line 1 of");
        File.ReadAllText(_folder["t.results.jsonl"]).ShouldBe("my notes\n");
    }

    private static async Task<(int Code, string Error)> RunAsync(string[] arguments)
    {
        var error = new StringWriter();
        var code = await CommandLine.RunAsync(new RootCommand { RunCommand.Create() }, ["run", .. arguments], new InvocationConfiguration { Output = TextWriter.Null, Error = error });
        return (code, error.ToString());
    }
}
