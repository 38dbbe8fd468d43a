using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Weir.Inference;
using Weir.Inference.Batches;
using Weir.Inference.Batches.Documents;
using Weir.Inference.Batches.Execution;
using Weir.Inference.Responses;
using Weir.State;
using Weir.Tests.Support;

namespace Weir.Tests.Inference.Batches.Support;

/// <summary>One replica that runs batches, over a store that outlives it.</summary>
internal sealed class BatchHarness : IAsyncDisposable
{
    public const string Tenant = "t";
    private readonly ServiceProvider _services;

    public BatchHarness(IStateStore store, InferenceOptions options, ManualTimeProvider time, BatchLimits? limits = null, IBatchAccounts? accounts = null)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(time);
        services.AddSingleton(new Random(7));
        services.AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance);
        services.AddSingleton(typeof(ILogger<>), typeof(NullLogger<>));
        services.AddMetrics();
        services.AddInference();
        services.AddSingleton(store);
        services.AddSingleton(accounts ?? new TestAccounts());
        services.AddSingleton(limits ?? new BatchLimits());
        services.AddBatches();
        _services = services.BuildServiceProvider();
        _services.GetRequiredService<ResponseIds>().Use(new byte[ResponseIds.SecretLength]);
        _services.GetRequiredService<Gateway>().Apply(options);
        (Store, Time) = (store, time);
    }

    public IStateStore Store { get; }

    public ManualTimeProvider Time { get; }

    public BatchFiles Files => _services.GetRequiredService<BatchFiles>();

    public BatchStore Batches => _services.GetRequiredService<BatchStore>();

    public BatchScheduler Scheduler => _services.GetRequiredService<BatchScheduler>();

    public Discards Discards => _services.GetRequiredService<Discards>();

    public Task StartAsync() => Scheduler.StartAsync(CancellationToken.None);

    /// <summary>Stops as a server does; lines under way are cut at once.</summary>
    public async Task StopAsync()
    {
        var stopping = Scheduler.StopAsync(CancellationToken.None);
        for (var look = 0; await Task.WhenAny(stopping, Task.Delay(5)) != stopping; look++)
        {
            look.ShouldBeLessThan(5000, "the replica did not stop");
            Time.Advance(TimeSpan.FromSeconds(1));
        }

        await stopping;
    }

    public static string Line(int number, string model = "fast", string extra = "") =>
        $$"""{"custom_id":"c{{number}}","method":"POST","url":"/v1/chat/completions","body":{"model":"{{model}}","messages":[{"role":"user","content":"n{{number}}"}]{{extra}} } }""";

    public static string Lines(int count) => string.Join('\n', Enumerable.Range(1, count).Select(number => Line(number)));

    public async Task<FileRecord> UploadAsync(string content, TimeSpan? lifetime = null, string purpose = "batch", string tenant = Tenant)
    {
        var bytes = Encoding.UTF8.GetBytes(content);
        var blob = await Files.StoreAsync(new MemoryStream(bytes), CancellationToken.None);
        return await Files.AddAsync(new NewFile(tenant, blob, bytes.Length, "in.jsonl", purpose), lifetime, CancellationToken.None);
    }

    public async Task<BatchRecord> CreateAsync(string content, TimeSpan? window = null, string endpoint = "/v1/chat/completions", string tenant = Tenant)
    {
        var file = await UploadAsync(content, tenant: tenant);
        var (batch, error) = await Batches.CreateAsync(Wanted(file.Id, window, endpoint, tenant), CancellationToken.None);
        error.ShouldBeNull();
        return batch!;
    }

    public static NewBatch Wanted(string file, TimeSpan? window = null, string endpoint = "/v1/chat/completions", string tenant = Tenant) => new()
    {
        Tenant = tenant,
        KeyId = "key_1",
        InputFileId = file,
        Endpoint = endpoint,
        Window = window ?? TimeSpan.FromHours(24),
        WindowText = "24h",
    };

    public async Task<BatchRecord> ReadAsync(string id, string tenant = Tenant) => (await Batches.FindAsync(tenant, id, CancellationToken.None)).ShouldNotBeNull();

    /// <summary>Until the batch has ended; time passes where nothing else happens.</summary>
    public async Task<BatchRecord> EndedAsync(string id, Func<Task>? meanwhile = null, string tenant = Tenant, TimeSpan? step = null, Func<bool>? isBusy = null)
    {
        for (var look = 1; ; look++)
        {
            var batch = await ReadAsync(id, tenant);
            if (batch.HasEnded)
            {
                return batch;
            }

            look.ShouldBeLessThan(6000, $"{id} is {batch.Status}: {batch.Completed} and {batch.Failed} of {batch.Total}");
            await Task.Delay(5);
            if (look % 4 == 0 && isBusy?.Invoke() != true)
            {
                Time.Advance(step ?? TimeSpan.FromSeconds(1));
            }

            if (meanwhile is not null)
            {
                await meanwhile();
            }
        }
    }

    public async Task UntilAsync(Func<bool> condition)
    {
        for (var look = 0; !condition(); look++)
        {
            look.ShouldBeLessThan(6000);
            await Task.Delay(5);
        }
    }

    public async Task<List<JsonElement>> ResultsAsync(string? file)
    {
        if (file is null)
        {
            return [];
        }

        var record = (await Files.FindAsync(Tenant, file, CancellationToken.None)).ShouldNotBeNull();
        await using var content = (await Files.OpenAsync(record, CancellationToken.None)).ShouldNotBeNull();
        using var reader = new StreamReader(content);
        var text = await reader.ReadToEndAsync();
        Encoding.UTF8.GetByteCount(text).ShouldBe((int)record.Bytes);
        text.ShouldEndWith("\n");
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    /// <summary>Each line exactly once, in one of the two files, each of them in the order of the input.</summary>
    public async Task<(List<JsonElement> Output, List<JsonElement> Errors)> ShouldBeWholeAsync(BatchRecord batch, int lines)
    {
        var output = await ResultsAsync(batch.OutputFileId);
        var errors = await ResultsAsync(batch.ErrorFileId);
        output.Concat(errors).Select(NumberOf).Order().ShouldBe(Enumerable.Range(1, lines));
        output.Select(NumberOf).ShouldBeInOrder();
        errors.Select(NumberOf).ShouldBeInOrder();
        (batch.Total, batch.Completed, batch.Failed).ShouldBe((lines, output.Count, errors.Count));
        return (output, errors);
    }

    public static int NumberOf(JsonElement result) => int.Parse(result.GetProperty("custom_id").GetString()!.AsSpan(1));

    public async Task<List<string>> KeysAsync(string prefix) =>
        [.. (await Store.ListAsync(BatchDocuments.Partition, prefix, null, 1000)).Select(document => document.Key)];

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _services.DisposeAsync();
    }
}

/// <summary>A key that may do what a test says.</summary>
internal sealed class TestAccounts : IBatchAccounts, IBatchAccount
{
    private int _settled;

    public Func<string, InferenceError?> Refuse { get; set; } = _ => null;

    public bool IsKnown { get; set; } = true;

    public Func<string, bool>? MayUse { get; set; }

    public int Settled => _settled;

    public long Tokens;

    public IBatchAccount? Find(string keyId) => IsKnown ? this : null;

    public InferenceError? TryEnter(int estimatedTokens, out IBatchPermit? permit)
    {
        var refusal = Refuse("");
        permit = refusal is null ? new Permit(this) : null;
        return refusal;
    }

    private sealed class Permit(TestAccounts accounts) : IBatchPermit
    {
        public void Settle(InferenceReport report)
        {
            Interlocked.Increment(ref accounts._settled);
            Interlocked.Add(ref accounts.Tokens, report.Usage?.Total ?? 0);
        }

        public void Dispose()
        {
        }
    }
}
