using System.Text.Json;
using Weir.Leases.Broker;
using Weir.Server.Mcp.Tools;

namespace Weir.Server.Mcp.Lifecycle;

/// <summary>Initialises resources again, each with its config: those of one lease at once, and leases side by side.</summary>
internal sealed class Setup(ILeaseBroker broker)
{
    /// <param name="call">The call.</param>
    /// <param name="wanted">By the name that the answer tells of it: the resource, and its config.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<Dictionary<string, EntryOutcome>> ConfigureAsync(McpToolCall call, IReadOnlyDictionary<string, (Held Held, JsonElement? Config)> wanted, CancellationToken cancellationToken)
    {
        var outcomes = await Task.WhenAll(wanted.GroupBy(one => one.Value.Held.Lease.Value.Id, StringComparer.Ordinal).Select(async lease =>
        {
            var configs = lease.ToDictionary(one => one.Value.Held.Holding.Resource, one => one.Value.Config, StringComparer.Ordinal);
            var answer = await broker.ConfigureAsync(call.Asker, lease.Key, configs, cancellationToken);
            return lease.Select(one => (Name: one.Key, Outcome: OutcomeOf(answer, one.Value.Held))).ToList();
        }));
        return outcomes.SelectMany(one => one).ToDictionary(one => one.Name, one => one.Outcome, StringComparer.Ordinal);
    }

    private static EntryOutcome OutcomeOf(LeaseAnswer answer, Held held)
    {
        if (answer.Lease is not { } lease) return new EntryOutcome(false, McpResults.SentenceOf(answer.Error!));
        return lease.Value.Holdings.FirstOrDefault(one => one.Resource == held.Holding.Resource) switch
        {
            null => new EntryOutcome(false, $"{held.Holding.Resource} was given back meanwhile."),
            { Fault: { } fault } => new EntryOutcome(false, fault),
            _ => new EntryOutcome(true, $"{held.Holding.Resource} is ready."),
        };
    }
}
