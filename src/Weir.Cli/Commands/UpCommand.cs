using System.CommandLine;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Weir.Cli.Running;
using Weir.Server;
using Weir.Server.Configuration;
using Weir.Server.Keys;
using Weir.Server.Observability.Logging;
using Weir.State;

namespace Weir.Cli.Commands;

/// <summary><c>weir up</c>: serves until it is told to stop.</summary>
internal static class UpCommand
{
    public static Command Create()
    {
        var flags = new ConfigurationFlags();
        var simulate = new Option<bool>("--simulate") { Description = "Offer the simulated provider 'sim' even when real ones are configured" };
        var fixtures = new Option<bool>("--mcp-fixtures") { Description = "Offer at /mcp also what the public conformance suite for MCP servers calls", Hidden = true };
        var log = new Option<LogFormat>("--log")
        {
            Description = "How log lines on standard error look. Default: WEIR_LOG, else text",
            DefaultValueFactory = _ => Enum.TryParse<LogFormat>(Environment.GetEnvironmentVariable("WEIR_LOG"), ignoreCase: true, out var format) ? format : LogFormat.Text,
        };
        var level = new Option<LogLevel>("--log-level")
        {
            Description = "What is logged: from trace to none; one line for each request at information. Default: WEIR_LOG_LEVEL, else information",
            DefaultValueFactory = _ => Enum.TryParse<LogLevel>(Environment.GetEnvironmentVariable("WEIR_LOG_LEVEL"), ignoreCase: true, out var named) ? named : LogLevel.Information,
        };
        var settings = new Argument<string[]>("settings")
        {
            Description = "Any setting of weir.json, as --server.drain=10s",
            Arity = ArgumentArity.ZeroOrMore,
            HelpName = "--SETTING=VALUE",
        };

        var command = new Command("up", "Serve: with no configuration at all, every provider whose usual key is in the environment, else a simulated one");
        flags.AddTo(command);
        command.Options.Add(simulate);
        command.Options.Add(fixtures);
        command.Options.Add(log);
        command.Options.Add(level);
        command.Arguments.Add(settings);
        command.SetAction((parsed, cancellation) => RunAsync(
            flags.Sources(parsed, parsed.GetValue(settings) ?? []),
            parsed.GetValue(simulate),
            parsed.GetValue(fixtures),
            parsed.GetValue(log),
            parsed.GetValue(level),
            parsed.InvocationConfiguration.Output,
            parsed.InvocationConfiguration.Error,
            cancellation));
        return command;
    }

    internal static async Task<int> RunAsync(
        ConfigurationSources sources, bool simulate, bool fixtures, LogFormat log, LogLevel level, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        var time = TimeProvider.System;
        await using var providers = new ServedProviders(time);
        sources = await providers.CompleteAsync(sources, simulate, cancellation);
        var configuration = ConfigurationLoader.Load(sources);
        if (!configuration.Print(error)) return ExitCode.Usage;

        var options = configuration.Options;
        try
        {
            using var loggers = LoggerFactory.Create(l => l.AddWeirConsole(log, level));
            await using var store = await StateStores.OpenAsync(StateOf(options, sources), time, loggers, cancellation);
            await using var app = WeirServer.Build(new WeirServerSetup
            {
                Sources = sources,
                Configuration = configuration,
                Store = store,
                Time = time,
                AdminKey = sources.Environment.GetValueOrDefault(KeyBootstrap.Variable) is { Length: > 0 } key ? key : null,
                LogFormat = log,
                LogLevel = level,
                McpFixtures = fixtures,
            });
            await app.StartAsync(cancellation);

            // Port 0 takes a free one: what is served is what was bound.
            var url = app.Urls.FirstOrDefault() ?? options.Server.Url;
            var ring = app.Services.GetRequiredService<KeyRing>();
            var needsKey = !LoopbackRule.IsLoopback(options.Server.Url) || ring.Table is not { ClosesLoopback: false };
            Banner.Print(output, url, configuration, store.Health, needsKey);

            using var stop = cancellation.Register(() => app.Lifetime.StopApplication());
            await app.WaitForShutdownAsync(CancellationToken.None);
            return Faulted(app, error) ? ExitCode.Failed : ExitCode.Ok;
        }
        catch (StartupException refused)
        {
            await error.WriteLineAsync($"weir: {refused.Message}");
            return ExitCode.Usage;
        }
        catch (StoreUnavailableException away)
        {
            await error.WriteLineAsync($"weir: {away.Message}");
            return away.Misconfigured ? ExitCode.Usage : ExitCode.Failed;
        }
        catch (Exception fault) when (IsAddressInUse(fault))
        {
            await error.WriteLineAsync($"weir: something else already listens at {options.Server.Url}. 'weir status' says whether it is Weir; --url takes another address.");
            return ExitCode.Failed;
        }
        catch (Exception fault) when (fault is IOException or SocketException)
        {
            await error.WriteLineAsync($"weir: {options.Server.Url} cannot be listened at: {fault.Message}");
            return ExitCode.Failed;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return ExitCode.Ok;
        }
    }

    internal static StateOptions StateOf(WeirOptions options, ConfigurationSources sources) => new()
    {
        Store = options.State,
        DataFolder = options.Server.Data,
        CacheBytes = options.Cache.MaxBytes.Bytes,
        RedisPassword = sources.Environment.GetValueOrDefault("WEIR_REDIS_PASSWORD"),
    };

    // A background loop that failed has stopped the host: the process must not say that all went well.
    private static bool Faulted(WebApplication app, TextWriter error)
    {
        var faulted = app.Services.GetServices<IHostedService>().OfType<BackgroundService>()
            .FirstOrDefault(s => s.ExecuteTask is { IsFaulted: true });
        if (faulted is null) return false;

        error.WriteLine($"weir: stopped, because {faulted.GetType().Name} failed: {faulted.ExecuteTask!.Exception!.InnerException!.Message}");
        return true;
    }

    private static bool IsAddressInUse(Exception fault) =>
        fault is AddressInUseException || (fault is IOException && fault.InnerException is AddressInUseException)
        || fault is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse };
}
