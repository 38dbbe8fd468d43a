using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Weir.Server.Keys;

/// <summary>
/// Before anything is served: this replica's own admin keys. A server that others can reach must have some key, else nobody could
/// use it, and whoever started it believes that it is open.
/// </summary>
internal sealed partial class KeyBootstrap(
    KeyRing ring, KeyStore store, KeyBootstrapOptions options, ILogger<KeyBootstrap> log) : IHostedLifecycleService
{
    public const string Variable = "WEIR_ADMIN_KEY";

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        var secrets = new List<string>(2);
        if (options.AdminKey is { } given)
        {
            if (!AdminKeyFile.Usable(given))
                throw new StartupException($"{Variable} is too short to be a key: it takes 32 to {KeySecret.MaxLength} characters without spaces, such as 'openssl rand -hex 24' prints.");
            secrets.Add(given);
        }

        string? kept;
        try
        {
            kept = AdminKeyFile.Read(options.DataFolder);
            if (kept is null && secrets.Count == 0 && !options.ListensOnLoopback && (await store.ListAsync(cancellationToken)).Count == 0)
            {
                throw new StartupException(
                    $"{options.Url} can be reached from other machines, and there is no key yet. Set {Variable} to one (32 characters or more), " +
                    "or make one with 'weir keys create --role admin', or listen on http://127.0.0.1.");
            }

            kept ??= Create();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartupException($"The admin key in {options.DataFolder} cannot be used: {e.Message}");
        }

        secrets.Add(kept);
        ring.UseLocalAdmins(secrets);
    }

    private string Create()
    {
        var secret = AdminKeyFile.ReadOrCreate(options.DataFolder);
        LogMade(Path.Combine(options.DataFolder, AdminKeyFile.Name));
        return secret;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(1, LogLevel.Information, "Made the admin key of this server in {Path}.", EventName = "admin_key_made")]
    private partial void LogMade(string path);
}

/// <param name="Url">Where the server listens.</param>
/// <param name="ListensOnLoopback">Whether that is reachable from this machine alone.</param>
/// <param name="DataFolder">Where <c>admin.key</c> is.</param>
/// <param name="AdminKey">The value of WEIR_ADMIN_KEY; null: not set.</param>
internal sealed record KeyBootstrapOptions(string Url, bool ListensOnLoopback, string DataFolder, string? AdminKey);
