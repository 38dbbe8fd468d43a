using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Weir.Leases.Documents;
using Weir.Leases.Fleet;
using Weir.Leases.Kinds;
using Weir.Leases.Upkeep;
using Weir.State.Texts;

namespace Weir.Leases.Broker;

/// <summary>Makes a lease of a request, or says why there can never be one.</summary>
internal sealed class LeaseRequests(FleetView view, LeaseCapacity capacity, LeaseCommits commits, State.Replicas.ReplicaView replicas)
{
    public const int LargestLease = 256;
    private const int LargestConfig = 64 << 10;
    private const int LargestConfigs = 256 << 10;
    private const int Labels = 32;

    private static readonly TimeSpan ShortestTtl = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(24);

    /// <returns>The lease as it would wait from now, or why not.</returns>
    public (LeaseRecord? Lease, LeaseError? Fault) Read(LeaseAsker asker, LeaseRequest request)
    {
        if (FaultOf(request) is { } fault)
            return (null, fault);
        var demands = new List<LeaseDemand>(request.Demands.Count);
        var kinds = new List<FleetKind>(request.Demands.Count);
        foreach (var asked in request.Demands)
        {
            FleetKind? kind;
            lock (view.Sync)
                kind = view.Tables.Kind(asked.Kind);
            // A kind that the key may not lease is told from one that is not there only by its name, which the key's own limits hold.
            if (asker.MayUseKind is { } may && !may(kind?.Name ?? asked.Kind))
                return (null, LeaseErrors.KindNotAllowed(asked.Kind));
            if (kind is null)
                return (null, LeaseErrors.UnknownKind(asked.Kind, view.Kinds.Select(known => known.Value.Name).Where(name => asker.MayUseKind?.Invoke(name) is not false)));
            kinds.Add(kind);
            demands.Add(new LeaseDemand(kind.Name, asked.Count, asked.Config) { AskedAs = asked.Kind == kind.Name ? null : asked.Kind });
        }

        foreach (var kind in demands.GroupBy(demand => demand.Kind, StringComparer.Ordinal))
        {
            if (capacity.FaultOf(kind.Key, kind.Sum(demand => demand.Count)) is { } never)
                return (null, never);
        }

        // Where a resource that takes no config is told in its holding, the lease stands without it.
        for (var i = 0; i < demands.Count && !request.KeepPartial; i++)
        {
            if (ConfigFaultOf(kinds[i], demands[i].Config) is { } why)
                return (null, LeaseErrors.NotInitialised(kinds[i].Name, why));
        }

        var now = commits.Now;
        var isKeyed = request.IdempotencyKey is not null;
        return (new LeaseRecord
        {
            Id = isKeyed ? IdOf(asker, request.IdempotencyKey!) : "lease_" + Guid.CreateVersion7().ToString("N"),
            Tenant = asker.Tenant,
            KeyId = asker.KeyId,
            WorkerId = request.WorkerId,
            State = LeaseState.Waiting,
            Priority = Math.Min(request.Priority, Math.Clamp(asker.MaxPriority, 0, 9)),
            Ttl = request.Ttl,
            Replica = request.Asynchronous ? null : replicas.Id,
            Demands = demands,
            Labels = request.Labels is { Count: > 0 } ? request.Labels : null,
            AskedAt = now,
            EndsAt = now + request.Wait,
            KeepPartial = request.KeepPartial,
            Digest = isKeyed ? DigestOf(request) : null,
        }, null);
    }

    // What a kind throws counts as what it says, as wherever else it is asked.
    private static string? ConfigFaultOf(FleetKind kind, JsonElement? config)
    {
        try
        {
            return kind.Sort?.ConfigFaultOf(kind.Options, config)?.Message;
        }
        catch (Exception fault)
        {
            return fault.Message;
        }
    }

    private static LeaseError? FaultOf(LeaseRequest request)
    {
        if (request.WorkerId.Length is 0 or > 200 || request.WorkerId.Any(char.IsControl))
            return LeaseErrors.Invalid("worker_id", "worker_id has 1 to 200 printable characters.");
        if (request.Demands.Count == 0)
            return LeaseErrors.Invalid("resources", "A lease is over at least one resource.");
        if (request.Demands.FirstOrDefault(demand => demand.Count < 1) is { } none)
            return LeaseErrors.Invalid("resources", $"count is at least 1; of '{Shown(none.Kind)}' {none.Count} were asked for.");
        if (request.Demands.Sum(demand => (long)demand.Count) is > LargestLease and var count)
            return LeaseErrors.Invalid("resources", $"A lease is over at most {LargestLease} resources; {count} were asked for.");
        if (request.Ttl < ShortestTtl || request.Ttl > Longest)
            return LeaseErrors.Invalid("ttl", "ttl is from 1 s to 24 h.");
        if (request.Wait < TimeSpan.Zero || request.Wait > Longest)
            return LeaseErrors.Invalid("wait", "wait is from 0 to 24 h.");
        if (request.Priority is < 0 or > 9)
            return LeaseErrors.Invalid("priority", "priority is from 0 to 9.");
        if (request.Labels is { } labels && (labels.Count > Labels || labels.Any(label => label.Key.Length is 0 or > 64 || label.Value is null or { Length: > 256 })))
            return LeaseErrors.Invalid("labels", $"There are at most {Labels} labels, with names of 1 to 64 and values of at most 256 characters.");
        if (request.IdempotencyKey is { Length: 0 or > 255 })
            return LeaseErrors.Invalid("Idempotency-Key", "An Idempotency-Key has 1 to 255 characters.");
        return FaultOf([.. request.Demands.Select(demand => demand.Config)]);
    }

    /// <summary>What is wrong with the configs that a lease remembers, each of which is written once: their size, or what nobody could write.</summary>
    public static LeaseError? FaultOf(IReadOnlyList<JsonElement?> configs)
    {
        long all = 0;
        foreach (var config in configs)
        {
            var bytes = config is { } given ? Encoding.UTF8.GetByteCount(given.GetRawText()) : 0;
            all += bytes;
            if (bytes > LargestConfig)
                return LeaseErrors.Invalid("resources", $"The config of one entry has at most {LargestConfig >> 10} KiB.");
            if (config is { } written && ForeignJson.FaultOf(written, KindLevels.Config) is { } fault)
                return LeaseErrors.Invalid("resources", fault.SentenceOf("A config"));
        }

        return all > LargestConfigs ? LeaseErrors.Invalid("resources", $"The configs of a lease have at most {LargestConfigs >> 10} KiB in all.") : null;
    }

    /// <summary>The same for the same key, of the same API key of the same tenant: the second to be committed loses against the first.</summary>
    private static string IdOf(LeaseAsker asker, string key)
    {
        var hash = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes([asker.Tenant, asker.KeyId, key], DigestJson.Default.StringArray));
        return "lease_" + Convert.ToHexStringLower(hash.AsSpan(0, 16));
    }

    private static string DigestOf(LeaseRequest request)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartArray();
            writer.WriteStringValue(request.WorkerId);
            foreach (var demand in request.Demands)
            {
                writer.WriteStringValue(demand.Kind);
                writer.WriteNumberValue(demand.Count);
                if (demand.Config is { } config)
                    config.WriteTo(writer);
                else
                    writer.WriteNullValue();
            }

            writer.WriteNumberValue(request.Ttl.Ticks);
            writer.WriteNumberValue(request.Wait.Ticks);
            writer.WriteNumberValue(request.Priority);
            writer.WriteBooleanValue(request.Asynchronous);
            writer.WriteBooleanValue(request.KeepPartial);
            foreach (var (name, value) in (request.Labels ?? new Dictionary<string, string>()).OrderBy(label => label.Key, StringComparer.Ordinal))
            {
                writer.WriteStringValue(name);
                writer.WriteStringValue(value);
            }

            writer.WriteEndArray();
        }

        return Convert.ToHexStringLower(SHA256.HashData(buffer.WrittenSpan));
    }

    private static string Shown(string name) => name.Length <= 64 ? name : name[..64] + "…";
}

[System.Text.Json.Serialization.JsonSerializable(typeof(string[]))]
internal sealed partial class DigestJson : System.Text.Json.Serialization.JsonSerializerContext
{
}
