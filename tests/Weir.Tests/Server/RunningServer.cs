using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Weir.Server;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.State;
using Weir.State.Memory;

namespace Weir.Tests.Server;

/// <summary>A whole server in this process: in memory, or with <see cref="Options.Sockets"/> on a free port of loopback.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly string _folder;
    private readonly bool _ownsFolder;
    private readonly IStateStore? _ownStore;

    private RunningServer(WebApplication app, HttpClient client, string folder, bool ownsFolder, IStateStore store, IStateStore? ownStore)
    {
        App = app;
        Client = client;
        Store = store;
        _folder = folder;
        _ownsFolder = ownsFolder;
        _ownStore = ownStore;
    }

    public WebApplication App { get; }

    /// <summary>Without a key.</summary>
    public HttpClient Client { get; }

    public IStateStore Store { get; }

    public string AdminKey => AdminKeyFile.Read(_folder)!;

    public Uri Address => new(App.Urls.First());

    public sealed record Options
    {
        public bool Sockets { get; init; }

        public IStateStore? Store { get; init; }

        public TimeProvider Time { get; init; } = TimeProvider.System;

        public string? AdminKey { get; init; }

        public string? Folder { get; init; }

        public WeirOptions Weir { get; init; } = new();

        public bool McpFixtures { get; init; }

        public Action<WebApplicationBuilder>? Customize { get; init; }

        public Action<WebApplication>? Map { get; init; }
    }

    public static async Task<RunningServer> StartAsync(Options? options = null)
    {
        options ??= new Options();
        var folder = options.Folder ?? Path.Combine(Path.GetTempPath(), "weir-tests", Guid.NewGuid().ToString("N"));
        var ownStore = options.Store is null ? new MemoryStateStore(new StateOptions(), options.Time) : null;
        var store = options.Store ?? ownStore!;
        var server = options.Weir.Server;
        if (server.Url == new ServerOptions().Url) server = server with { Url = "http://127.0.0.1:0" };
        var weir = options.Weir with { Server = server with { Data = folder } };
        var app = WeirServer.Build(new WeirServerSetup
        {
            Sources = new ConfigurationSources { File = Path.Combine(folder, "absent.json") },
            Configuration = new LoadedConfiguration { Options = weir, Faults = [], Warnings = [], File = null, ProvidersAreDefault = false },
            Store = store,
            Time = options.Time,
            AdminKey = options.AdminKey,
            LogLevel = LogLevel.None,
            McpFixtures = options.McpFixtures,
            Customize = builder =>
            {
                if (!options.Sockets) builder.WebHost.UseTestServer(test => test.PreserveExecutionContext = false);
                options.Customize?.Invoke(builder);
            },
            Map = options.Map,
        });
        try
        {
            await app.StartAsync();
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        var client = options.Sockets
            ? new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(app.Urls.First()) }
            : app.GetTestClient();
        return new RunningServer(app, client, folder, options.Folder is null, store, ownStore);
    }

    /// <summary>Stores a key and waits until the server knows it.</summary>
    /// <returns>Its secret.</returns>
    public async Task<string> AddKeyAsync(KeyRequest request) => (await AddKeyRecordAsync(request)).Secret;

    public async Task<(KeyRecord Record, string Secret)> AddKeyRecordAsync(KeyRequest request)
    {
        var made = await Service<KeyStore>().CreateAsync(request, CancellationToken.None);
        (await Service<KeyRing>().WhenAsync(t => t.Contains(made.Record.Id), TimeSpan.FromSeconds(30), TimeProvider.System, CancellationToken.None)).ShouldBeTrue();
        return made;
    }

    public Task<string> AddKeyAsync(string role) => AddKeyAsync(new KeyRequest { Roles = [role] });

    public T Service<T>()
        where T : notnull => App.Services.GetRequiredService<T>();

    public async Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, string? key = null, HttpContent? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        if (key is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        foreach (var (name, value) in headers)
        {
            if (name == "Host") request.Headers.Host = value;
            else request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await App.StopAsync();
        await App.DisposeAsync();
        if (_ownStore is not null) await _ownStore.DisposeAsync();
        if (_ownsFolder && Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }
}
