using Weir.Server.Keys;

namespace Weir.Tests.Server.Keys;

public sealed class AdminKeyFileTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "weir-tests", Guid.NewGuid().ToString("N"));

    public void Dispose()
    {
        if (Directory.Exists(_folder)) Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Read_NoFile_IsNull() => AdminKeyFile.Read(_folder).ShouldBeNull();

    [Fact]
    public void ReadOrCreate_Twice_GivesTheSameKey()
    {
        var first = AdminKeyFile.ReadOrCreate(_folder);

        AdminKeyFile.ReadOrCreate(_folder).ShouldBe(first);
        AdminKeyFile.Read(_folder).ShouldBe(first);
        Directory.GetFiles(_folder).Length.ShouldBe(1);
    }

    [Fact]
    public void ReadOrCreate_New_IsForItsOwnerAlone()
    {
        if (OperatingSystem.IsWindows()) return;
        AdminKeyFile.ReadOrCreate(_folder);

        File.GetUnixFileMode(Path.Combine(_folder, AdminKeyFile.Name)).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public async Task ReadOrCreate_ManyAtOnce_AgreeOnOne()
    {
        for (var round = 0; round < 20; round++)
        {
            var folder = Path.Combine(_folder, round.ToString(System.Globalization.CultureInfo.InvariantCulture));
            using var together = new Barrier(4);
            var made = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    together.SignalAndWait();
                    return AdminKeyFile.ReadOrCreate(folder);
                },
                TaskCreationOptions.LongRunning)));

            made.Distinct().Count().ShouldBe(1, $"round {round}");
            Directory.GetFiles(folder).Length.ShouldBe(1);
        }
    }

    [Fact]
    public void ReadOrCreate_EmptyFile_IsFilled()
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(Path.Combine(_folder, AdminKeyFile.Name), "");

        AdminKeyFile.Read(_folder).ShouldBeNull();
        var made = AdminKeyFile.ReadOrCreate(_folder);

        AdminKeyFile.Read(_folder).ShouldBe(made);
    }

    [Theory]
    [InlineData("short")]
    [InlineData("two words that are long enough to be a key")]
    public void Read_NoKeyInIt_SaysSo(string content)
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(Path.Combine(_folder, AdminKeyFile.Name), content);

        Should.Throw<IOException>(() => AdminKeyFile.Read(_folder)).Message.ShouldContain("does not hold a key");
    }
}
