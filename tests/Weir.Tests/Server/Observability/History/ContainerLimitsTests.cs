using Weir.Server.Observability.History;

namespace Weir.Tests.Server.Observability.History;

public sealed class ContainerLimitsTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("weir-cgroup-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Read_SecondVersionInAContainer_IsItsQuotaAndLimit()
    {
        Write("proc/self/cgroup", "0::/\n");
        Write("sys/fs/cgroup/cpu.max", "50000 100000\n");
        Write("sys/fs/cgroup/memory.max", "536870912\n");

        ContainerLimits.Read(_root).ShouldBe(new ContainerLimits(0.5, 512 << 20));
    }

    [Fact]
    public void Read_GroupsInGroups_IsTheNarrowestOfEach()
    {
        Write("proc/self/cgroup", "0::/system.slice/weir.service\n");
        Write("sys/fs/cgroup/system.slice/cpu.max", "150000 100000");
        Write("sys/fs/cgroup/system.slice/memory.max", "max");
        Write("sys/fs/cgroup/system.slice/weir.service/cpu.max", "max 100000");
        Write("sys/fs/cgroup/system.slice/weir.service/memory.max", "1000");

        ContainerLimits.Read(_root).ShouldBe(new ContainerLimits(1.5, 1000));
    }

    [Fact]
    public void Read_FirstVersion_IsReadByController()
    {
        Write("proc/self/cgroup", "5:memory:/\n4:cpu,cpuacct:/\n1:name=systemd:/x\n");
        Write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n");
        Write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
        Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "2048\n");

        ContainerLimits.Read(_root).ShouldBe(new ContainerLimits(2, 2048));
    }

    [Theory]
    [InlineData("max 100000", "max")]
    [InlineData("-1", "9223372036854771712")]
    [InlineData("0 0", "")]
    public void Read_NoLimitOrNonsense_IsNone(string cpu, string memory)
    {
        Write("proc/self/cgroup", "0::/\nnonsense\n");
        Write("sys/fs/cgroup/cpu.max", cpu);
        Write("sys/fs/cgroup/memory.max", memory);

        ContainerLimits.Read(_root).ShouldBe(new ContainerLimits(null, null));
    }

    [Fact]
    public void Read_WithoutGroups_IsNone() => ContainerLimits.Read(_root).ShouldBe(new ContainerLimits(null, null));

    private void Write(string path, string text)
    {
        var file = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, text);
    }
}
