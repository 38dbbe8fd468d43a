using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Weir.Leases.Broker;
using Weir.Leases.Documents;
using Weir.Leases.Doors;
using Weir.Leases.Kinds;
using Weir.Leases.Remote;
using Weir.Leases.Upkeep;
using Weir.State;
using Weir.State.Replicas;

namespace Weir.Benchmarks;

/// <summary>The broker alone, as the server has it, without HTTP, keys and JSON of answers: tells where the time of a pair goes.</summary>
internal static class LeasesInProcess
{
    private static readonly LeaseAsker Asker = new("bench", "bench", IsAdmin: false);

    /// <returns>Pairs a second, and microseconds of processor time of this process for one.</returns>
    public static async Task<(double Rate, double Processor)> RunAsync(string state, string folder, int inFlight, double seconds)
    {
        Directory.CreateDirectory(folder);
        await using var store = await StateStores.OpenAsync(new StateOptions { Store = state, DataFolder = folder });
        await using var services = new ServiceCollection().AddLogging().AddSingleton(store).AddSingleton(TimeProvider.System).AddSingleton(new Random(1))
            .AddSingleton(new ReplicaView("bench")).AddSingleton<IReplicaPlace>(new Place()).AddLeases("bench").AddDoors("bench").AddLeaseUpkeep().AddRemoteKind().BuildServiceProvider();
        var running = services.GetServices<IHostedService>().ToList();
        foreach (var service in running)
            await service.StartAsync(CancellationToken.None);
        services.GetRequiredService<ConfiguredKinds>().Apply(new Dictionary<string, KindOptions> { ["remote:a"] = Slots(), ["remote:b"] = Slots() });
        var view = services.GetRequiredService<Leases.Fleet.IFleetView>();
        while (view.Resources().Count < 2 * LeasesServer.Capacity)
            await Task.Delay(20);

        var broker = services.GetRequiredService<ILeaseBroker>();
        await PairsAsync(broker, inFlight, 1);
        var processor = Environment.CpuUsage.TotalTime;
        var (pairs, took) = await PairsAsync(broker, inFlight, seconds);
        var used = (Environment.CpuUsage.TotalTime - processor).TotalMicroseconds / pairs;
        foreach (var service in Enumerable.Reverse(running))
            await service.StopAsync(CancellationToken.None);
        return (pairs / took, used);
    }

    private static async Task<(long Pairs, double Seconds)> PairsAsync(ILeaseBroker broker, int inFlight, double seconds)
    {
        var began = Stopwatch.GetTimestamp();
        var pairs = 0L;
        await Task.WhenAll(Enumerable.Range(0, inFlight).Select(worker => Task.Run(async () =>
        {
            var request = new LeaseRequest { WorkerId = $"w{worker}", Demands = [new LeaseDemand("remote:a", 1, null), new LeaseDemand("remote:b", 1, null)] };
            while (Stopwatch.GetElapsedTime(began).TotalSeconds < seconds)
            {
                var (lease, error) = await broker.AllocateAsync(Asker, request, CancellationToken.None);
                error ??= await broker.ReleaseAsync(Asker, lease!.Value.Id, lease.Value.FenceOf(lease.Version), null, CancellationToken.None);
                if (error is not null)
                    throw new InvalidOperationException(error.Message);
                Interlocked.Increment(ref pairs);
            }
        })));
        return (pairs, Stopwatch.GetElapsedTime(began).TotalSeconds);
    }

    private static KindOptions Slots() => new() { Endpoints = [new RemoteEndpointOptions { Id = "a", BaseUrl = "http://127.0.0.1:1", Slots = LeasesServer.Capacity }] };

    private sealed class Place : IReplicaPlace
    {
        public string Home => "bench";

        public Uri Url => new("http://127.0.0.1:1");
    }
}
