using System.ComponentModel;
using System.Diagnostics;
using Microsoft.Extensions.Logging;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;
using Weir.Retrieval.Catalogs.Documents;

namespace Weir.Retrieval.Catalogs.Mcp;

/// <summary>
/// A server that is a program of ours: it speaks over its standard streams, and ends when its standard input does. It is given few variables of this
/// process, since those hold keys of others.
/// </summary>
internal sealed partial class McpProcess : McpChannel
{
    private static readonly string[] Inherited =
        ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TMPDIR", "TZ", "SYSTEMROOT", "TEMP", "TMP", "APPDATA", "LOCALAPPDATA", "USERPROFILE", "PATHEXT", "COMSPEC"];

    private readonly Process _process;
    private readonly StandardErrorLog _errors;
    private readonly Task _reading;
    private readonly McpLimits _limits;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly string _name;

    private McpProcess(IClientTransport transport, Process process, StandardErrorLog errors, Task reading, McpSource source, McpLimits limits, TimeProvider time, ILogger logger)
        : base(transport) =>
        (_process, _errors, _reading, _name, _limits, _time, _logger) = (process, errors, reading, source.Name, limits, time, logger);

    /// <summary>The id of the program.</summary>
    public int Id { get; private init; }

    public override string? Fate
    {
        get
        {
            // Its end and its last words come by different ways.
            if (_process.HasExited && !_reading.IsCompleted)
                _reading.Wait(TimeSpan.FromMilliseconds(200));
            var words = _errors.Last is { } last ? $" Its last words: {last}" : "";
            return _process.HasExited ? $"The program ended with code {_process.ExitCode}.{words}" : words.Length > 0 ? words.TrimStart() : null;
        }
    }

    public static McpProcess Start(McpSource source, McpLimits limits, TimeProvider time, ILogger logger)
    {
        var start = new ProcessStartInfo(source.Command!, source.Args)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        var inherited = Inherited.Select(name => (name, Value: Environment.GetEnvironmentVariable(name))).ToList();
        start.Environment.Clear();
        foreach (var (name, value) in inherited)
        {
            if (value is not null)
                start.Environment[name] = value;
        }

        foreach (var (name, value) in source.Env)
            start.Environment[name] = value;

        Process process;
        try
        {
            process = Process.Start(start) ?? throw new McpFaultException($"The command '{source.Command}' could not be started.");
        }
        catch (Exception fault) when (fault is Win32Exception or InvalidOperationException or PlatformNotSupportedException or ArgumentException)
        {
            throw new McpFaultException($"The command '{source.Command}' could not be started: {(fault is Win32Exception { NativeErrorCode: 2 } ? "there is no such program on this machine" : fault.Message)}.", fault);
        }

        var errors = new StandardErrorLog(source, logger);
        var transport = new StreamClientTransport(process.StandardInput.BaseStream, new BoundedStream(process.StandardOutput.BaseStream, limits.MessageBytes, MessageBorder.Line));
        LogStarted(logger, source.Name, process.Id);
        return new McpProcess(transport, process, errors, errors.ReadAsync(process.StandardError.BaseStream), source, limits, time, logger) { Id = process.Id };
    }

    public override async ValueTask DisposeAsync()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It does not read any more.
        }

        using (var patience = new CancellationTokenSource(_limits.LeaveWithin, _time))
        {
            try
            {
                await _process.WaitForExitAsync(patience.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                Kill();
            }
        }

        // What it started may hold its streams open: we do not.
        _process.StandardOutput.Close();
        _process.StandardError.Close();
        LogEnded(_logger, _name, Id);
        _process.Dispose();
    }

    private void Kill()
    {
        try
        {
            _process.Kill(entireProcessTree: true);
        }
        catch (Exception fault) when (fault is InvalidOperationException or Win32Exception or AggregateException or NotSupportedException)
        {
            LogNotKilled(_logger, _name, fault.Message);
        }
    }

    [LoggerMessage(EventId = 411, EventName = "McpProgramStarted", Level = LogLevel.Information, Message = "The MCP server {Server} runs as process {Process}")]
    private static partial void LogStarted(ILogger logger, string server, int process);

    [LoggerMessage(EventId = 412, EventName = "McpProgramEnded", Level = LogLevel.Information, Message = "The MCP server {Server} in process {Process} has ended")]
    private static partial void LogEnded(ILogger logger, string server, int process);

    [LoggerMessage(EventId = 413, EventName = "McpProgramNotKilled", Level = LogLevel.Warning, Message = "The MCP server {Server} did not end, and could not be killed: {Reason}")]
    private static partial void LogNotKilled(ILogger logger, string server, string reason);
}
