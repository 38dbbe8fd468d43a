using System.IO.Pipelines;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Inference;
using Weir.Inference.Load;
using Weir.Inference.Models;
using Weir.Inference.Providers;
using Weir.Inference.Relay;
using Weir.Inference.Requests;
using Weir.Inference.Responses;
using Weir.Inference.Routing;
using Weir.State;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Support;

/// <summary>The gateway alone, with a clock that a test moves.</summary>
internal sealed class GatewayHarness : IAsyncDisposable
{
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(30);
    private readonly ServiceProvider _services;
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public GatewayHarness(InferenceOptions options, bool secret = true, IStateStore? store = null, IServedModels? served = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(Time);
        services.AddSingleton(new Random(7));
        services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.AddSingleton(typeof(ILogger<>), typeof(NullLogger<>));
        services.AddMetrics();
        if (store is not null)
        {
            services.AddSingleton(store);
        }

        if (served is not null)
        {
            services.AddSingleton(served);
        }

        services.AddInference();
        _services = services.BuildServiceProvider();
        if (secret)
        {
            Get<ResponseIds>().Use(new byte[ResponseIds.SecretLength]);
        }

        // Waits between retries as they are written, unless a test is about the profiles.
        Gateway.Apply(options.Load.Profile is null ? options with { Load = new LoadOptions { Profile = LoadProfileName.Balanced } } : options);
    }

    public ManualTimeProvider Time { get; } = new();

    public Gateway Gateway => _services.GetRequiredService<Gateway>();

    public RouteTables Tables => _services.GetRequiredService<RouteTables>();

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    /// <summary>A route of deployments in the order given, each at a provider of its own named a, b, c …</summary>
    public static InferenceOptions Route(params ScriptedUpstream[] upstreams) => RouteOf(new ProviderOptions(), upstreams);

    public static InferenceOptions RouteOf(ProviderOptions settings, params ScriptedUpstream[] upstreams) => new()
    {
        Providers = upstreams.Select((upstream, i) => (Name: NameOf(i), Options: settings with { BaseUrl = upstream.BaseUrl, ApiKey = "sk-secret-" + NameOf(i) }))
            .ToDictionary(pair => pair.Name, pair => pair.Options),
        Routes = new Dictionary<string, RouteOptions>
        {
            ["fast"] = new() { Deployments = [.. upstreams.Select((_, i) => new DeploymentOptions { Provider = NameOf(i), Model = "real-model", Order = i })] },
        },
    };

    /// <summary>Ends once the head of an answer has been given to a client.</summary>
    public Task Begun => _begun.Task;

    public Task<TestAnswer> ChatAsync(string extra = "", TimeSpan? timeout = null, CancellationToken clientGone = default) =>
        SendAsync($$"""{"model":"fast","messages":[]{{extra}}}""", Operation.ChatCompletions, timeout, clientGone);

    public Task<TestAnswer> StreamAsync(TimeSpan? timeout = null, CancellationToken clientGone = default) => ChatAsync(""","stream":true""", timeout, clientGone);

    public async Task<TestAnswer> SendAsync(string body, Operation operation, TimeSpan? timeout = null, CancellationToken clientGone = default)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        RequestHeadScanner.Scan(bytes, out var head).ShouldBeNull();
        return await RunAsync(new InferenceRequest { Operation = operation, Head = head, Body = bytes, Tenant = "t", Timeout = timeout }, clientGone);
    }

    public async Task<TestAnswer> RunAsync(InferenceRequest request, CancellationToken clientGone = default)
    {
        var answer = new TestAnswer(_begun);
        try
        {
            answer.Report = await Get<InferencePipeline>().RunAsync(request, answer, clientGone);
        }
        finally
        {
            answer.Finish();
        }

        return answer;
    }

    /// <summary>Lets the waits between attempts pass until <paramref name="work"/> ends; the bounds of attempts are longer than any of them.</summary>
    public async Task<T> RunAsync<T>(Task<T> work)
    {
        while (!work.IsCompleted)
        {
            await Task.WhenAny(work, Task.Delay(5));
            if (!work.IsCompleted && Time.NextTimer is { } next && next <= LongestWait)
            {
                Time.Advance(next);
            }
        }

        return await work;
    }

    /// <summary>Waits until exactly <paramref name="bound"/> is what the gateway waits for, and lets it pass.</summary>
    public async Task ElapseAsync(TimeSpan bound)
    {
        await Eventually.TrueAsync(() => Time.NextTimer == bound);
        Time.Advance(bound);
    }

    public async ValueTask DisposeAsync() => await _services.DisposeAsync();

    private static string NameOf(int i) => ((char)('a' + i)).ToString();
}

/// <summary>What a client would have seen.</summary>
internal sealed class TestAnswer(TaskCompletionSource? begun = null) : IAnswer
{
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 0));
    private string? _text;

    public AnswerHead? Head { get; private set; }

    public bool Aborted { get; private set; }

    public InferenceReport Report { get; set; } = null!;

    public PipeWriter Body => _pipe.Writer;

    public PipeReader Reader => _pipe.Reader;

    public string Text => _text ??= ReadAll();

    public int Status => Head?.Status ?? Report.Status;

    public void Begin(in AnswerHead head)
    {
        Head.ShouldBeNull("an answer begins once");
        Head = head;
        begun?.TrySetResult();
    }

    public void Abort() => Aborted = true;

    public void Finish() => _pipe.Writer.Complete();

    private string ReadAll()
    {
        _pipe.Reader.TryRead(out var read);
        var text = Encoding.UTF8.GetString(read.Buffer);
        _pipe.Reader.AdvanceTo(read.Buffer.End);
        return text;
    }
}
