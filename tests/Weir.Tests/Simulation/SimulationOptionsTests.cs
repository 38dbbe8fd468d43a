using Weir.Simulation;

namespace Weir.Tests.Simulation;

public sealed class SimulationOptionsTests
{
    [Fact]
    public void Validate_Defaults_HaveNoFault() => new SimulationOptions().Validate().ShouldBeEmpty();

    [Fact]
    public void Validate_SeveralFaults_NamesThemAll()
    {
        var options = new SimulationOptions
        {
            Latency = TimeSpan.FromSeconds(-1),
            ErrorRate = 0.6,
            HangRate = 0.6,
            CutRate = double.NaN,
            ErrorStatuses = [200],
            Models = [],
            RequestsPerMinute = -1,
        };

        var faults = options.Validate();

        foreach (var name in new[] { "latency", "hang_rate exclude", "cut_rate must", "error_statuses", "models", "requests_per_minute" })
            faults.ShouldContain(fault => fault.Contains(name), name);
    }

    [Fact]
    public void Build_WithFaults_ThrowsNamingThem() =>
        Should.Throw<ArgumentException>(() => SimulatedProvider.Build(new SimulationOptions { StallRate = 2 })).Message.ShouldContain("stall_rate");
}
