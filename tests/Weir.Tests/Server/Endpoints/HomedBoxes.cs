using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Weir.Leases;
using Weir.Leases.Doors;
using Weir.Leases.Kinds;

namespace Weir.Tests.Server.Endpoints;

/// <summary>What stands on one machine, whichever run of its replica has made it.</summary>
internal sealed class Machine
{
    /// <summary>By instance: the resource that it was made for.</summary>
    public ConcurrentDictionary<string, string> Standing { get; } = new();

    public ConcurrentQueue<string> Ended { get; } = new();
}

/// <summary>Boxes that live where they were made, and can be talked to there only with what was remembered of their making.</summary>
internal sealed class HomedBoxes(Machine machine, Lazy<IHomes> homes) : ResourceKind
{
    public static KindSort Sort { get; } = new("box") { TraitsOf = _ => KindTraits.Instances | KindTraits.Initialises };

    public override ValueTask<KindResult<JsonElement?>> CreateAsync(KindResource resource, CancellationToken cancellationToken)
    {
        var id = resource.Resource.Instance!.Id;
        machine.Standing.TryAdd(id, resource.Resource.Id).ShouldBeTrue($"{id} was made twice");
        return ValueTask.FromResult(KindResult.Of<JsonElement?>(JsonSerializer.SerializeToElement($"key of {id}")));
    }

    public override ValueTask DestroyAsync(KindResource resource, CancellationToken cancellationToken)
    {
        if (machine.Standing.TryRemove(resource.Resource.Instance!.Id, out _))
            machine.Ended.Enqueue(resource.Resource.Instance.Id);
        return ValueTask.CompletedTask;
    }

    public override ValueTask<IReadOnlySet<string>> AdoptAsync(IReadOnlyList<KindResource> known, CancellationToken cancellationToken)
    {
        foreach (var id in machine.Standing.Keys.Except(known.Select(resource => resource.Resource.Instance!.Id)))
            machine.Standing.TryRemove(id, out _);
        return ValueTask.FromResult<IReadOnlySet<string>>(machine.Standing.Keys.ToHashSet());
    }

    public override ValueTask<KindResult<JsonElement?>> InitialiseAsync(LeasedResource resource, JsonElement? config, CancellationToken cancellationToken) => ValueTask.FromResult(
        Fault(resource) is { } fault
            ? KindResult.Failed<JsonElement?>(fault)
            : KindResult.Of<JsonElement?>(JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["at"] = homes.Value.Own, ["config"] = config?.GetRawText() ?? "" })));

    public override ValueTask<KindResult<Observation?>> ObserveAsync(LeasedResource resource, CancellationToken cancellationToken) =>
        ValueTask.FromResult(Fault(resource) is { } fault ? KindResult.Failed<Observation?>(fault) : KindResult.Of<Observation?>(new Observation { Text = $"{resource.Resource.Id} at {homes.Value.Own}" }));

    public override async Task ServeAsync(HttpContext context, LeasedResource resource)
    {
        if (Fault(resource) is { } fault)
        {
            context.Response.StatusCode = 500;
            await context.Response.WriteAsync(fault.Message);
            return;
        }

        switch (context.Request.Path.Value)
        {
            case "/events":
                context.Response.ContentType = "text/event-stream";
                await context.Response.WriteAsync($"data: {homes.Value.Own}\n\n");
                await context.Response.Body.FlushAsync();
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
                break;
            case "/ws":
                using (var socket = await context.WebSockets.AcceptWebSocketAsync())
                {
                    var buffer = new byte[4096];
                    while (true)
                    {
                        var got = await socket.ReceiveAsync(buffer, context.RequestAborted);
                        await socket.SendAsync(buffer.AsMemory(0, got.Count), got.MessageType, got.EndOfMessage, context.RequestAborted);
                    }
                }

            default:
                await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"{homes.Value.Own} {context.Request.Method} {context.Request.Path}"));
                break;
        }
    }

    private LeaseError? Fault(LeasedResource resource) => resource.Resource.Instance switch
    {
        null => new LeaseError(500, "test", "nothing stands behind it"),
        { Data: { ValueKind: JsonValueKind.String } data } made when data.GetString() == $"key of {made.Id}" && machine.Standing.ContainsKey(made.Id) => null,
        { Data: null } => new LeaseError(500, "test", "nothing was remembered of its making"),
        _ => new LeaseError(500, "test", "it does not stand here"),
    };
}
