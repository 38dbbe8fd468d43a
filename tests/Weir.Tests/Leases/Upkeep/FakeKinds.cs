using System.Collections.Concurrent;
using System.Text.Json;
using Weir.Leases;
using Weir.Leases.Documents;
using Weir.Leases.Kinds;

namespace Weir.Tests.Leases.Upkeep;

/// <summary>Boxes that are made and ended, and that know which of them stand.</summary>
internal sealed class BoxKind : ResourceKind
{
    public BoxKind() => Sort = new KindSort("box") { TraitsOf = _ => Traits };

    public KindSort Sort { get; }

    /// <summary>By instance id: the resource that it was made for.</summary>
    public ConcurrentDictionary<string, string> Standing { get; } = new();

    public ConcurrentQueue<string> Destroyed { get; } = new();

    /// <summary>How making goes; given the resource, and cancelled when its time is up.</summary>
    public Func<KindResource, CancellationToken, Task<LeaseError?>> Making { get; set; } = (_, _) => Task.FromResult<LeaseError?>(null);

    public Func<KindResource, CancellationToken, Task> Ending { get; set; } = (_, _) => Task.CompletedTask;

    public Func<KindResource, CancellationToken, Task<LeaseError?>> Health { get; set; } = (_, _) => Task.FromResult<LeaseError?>(null);

    public LeaseError? Missing { get; set; }

    /// <summary>What the answer to whether there can be boxes waits for.</summary>
    public Task Answering { get; set; } = Task.CompletedTask;

    /// <summary>What a look at what a former run has left waits for.</summary>
    public Task Looking { get; set; } = Task.CompletedTask;

    /// <summary>Called when such a look begins.</summary>
    public Action OnLook { get; set; } = () => { };

    public ConcurrentQueue<string> Forgotten { get; } = new();

    public KindTraits Traits { get; set; } = KindTraits.Instances | KindTraits.Checks;

    public override async ValueTask<LeaseError?> UnableAsync(KindOptions options, CancellationToken cancellationToken)
    {
        await Answering;
        return Missing;
    }

    public override async ValueTask<KindResult<JsonElement?>> CreateAsync(KindResource resource, CancellationToken cancellationToken)
    {
        var id = resource.Resource.Instance!.Id;
        if (await Making(resource, cancellationToken) is { } error)
            return KindResult.Failed<JsonElement?>(error);
        Standing.TryAdd(id, resource.Resource.Id).ShouldBeTrue($"{id} was made twice");
        return KindResult.Of<JsonElement?>(JsonSerializer.SerializeToElement(id));
    }

    public override async ValueTask DestroyAsync(KindResource resource, CancellationToken cancellationToken)
    {
        await Ending(resource, cancellationToken);
        Standing.TryRemove(resource.Resource.Instance!.Id, out _);
        Destroyed.Enqueue(resource.Resource.Instance!.Id);
    }

    public override ValueTask ForgetAsync(LeasedResource resource, CancellationToken cancellationToken)
    {
        Forgotten.Enqueue(resource.Resource.Id);
        return ValueTask.CompletedTask;
    }

    public override async ValueTask<IReadOnlySet<string>> AdoptAsync(IReadOnlyList<KindResource> known, CancellationToken cancellationToken)
    {
        OnLook();
        await Looking;
        var named = known.Select(resource => resource.Resource.Instance!.Id).ToHashSet();
        foreach (var id in Standing.Keys.Where(id => !named.Contains(id)))
            Standing.TryRemove(id, out _);
        return Standing.Keys.ToHashSet();
    }

    public override async ValueTask<LeaseError?> CheckAsync(KindResource resource, CancellationToken cancellationToken) => await Health(resource, cancellationToken);
}

/// <summary>Cells that are the same from lease to lease, and are made clean.</summary>
internal sealed class CellKind : ResourceKind
{
    public CellKind() => Sort = new KindSort("cell") { TraitsOf = _ => Traits, FaultsOf = (_, options) => options.Program == "bad" ? [new KindFault("program", "is bad.")] : [] };

    public KindSort Sort { get; }

    public KindTraits Traits { get; set; } = KindTraits.Resets | KindTraits.Checks;

    public Func<KindResource, CancellationToken, Task<LeaseError?>> Cleaning { get; set; } = (_, _) => Task.FromResult<LeaseError?>(null);

    public Func<KindResource, CancellationToken, Task<LeaseError?>> Health { get; set; } = (_, _) => Task.FromResult<LeaseError?>(null);

    public override async ValueTask<LeaseError?> ResetAsync(KindResource resource, CancellationToken cancellationToken) => await Cleaning(resource, cancellationToken);

    public override async ValueTask<LeaseError?> CheckAsync(KindResource resource, CancellationToken cancellationToken) => await Health(resource, cancellationToken);
}

/// <summary>Seats: nothing has to be done for them.</summary>
internal sealed class SeatKind : ResourceKind, IKindOfSort
{
    public static KindSort Sort { get; } = new("seat");
}
