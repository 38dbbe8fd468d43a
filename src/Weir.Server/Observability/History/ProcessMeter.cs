namespace Weir.Server.Observability.History;

/// <summary>What the process uses of its machine.</summary>
internal interface IProcessMeter
{
    ProcessReading Read();
}

/// <param name="Cpu">Time of all cores since the start.</param>
/// <param name="Cores">How many the process may use.</param>
/// <param name="Memory">Resident bytes.</param>
/// <param name="MemoryLimit">What it may use: its container's limit, else the machine's memory.</param>
internal readonly record struct ProcessReading(TimeSpan Cpu, int Cores, long Memory, long MemoryLimit);

internal sealed class ProcessMeter : IProcessMeter
{
    public ProcessReading Read() => new(
        Environment.CpuUsage.TotalTime,
        Environment.ProcessorCount,
        Environment.WorkingSet,
        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
}
