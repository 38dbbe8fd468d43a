namespace Weir.Server.Observability.History;

/// <summary>What the process uses of its machine.</summary>
internal interface IProcessMeter
{
    ProcessReading Read();
}

/// <param name="Cpu">Time of all cores since the start.</param>
/// <param name="Cores">How many the process may use, fractions too: its container's quota, else the machine's.</param>
/// <param name="Memory">Resident bytes.</param>
/// <param name="MemoryLimit">What it may use: its container's limit, else the machine's memory.</param>
internal readonly record struct ProcessReading(TimeSpan Cpu, double Cores, long Memory, long MemoryLimit);

internal sealed class ProcessMeter : IProcessMeter
{
    // Read once: limits that are changed while a container runs are rare.
    private readonly ContainerLimits _limits = ContainerLimits.Read();

    public ProcessReading Read() => new(
        Environment.CpuUsage.TotalTime,
        Math.Min(_limits.Cores ?? double.MaxValue, Environment.ProcessorCount),
        Environment.WorkingSet,
        _limits.Memory ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
}
