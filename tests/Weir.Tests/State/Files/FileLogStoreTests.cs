using Weir.State;
using Weir.State.Files;
using static Weir.Tests.State.Bodies;

namespace Weir.Tests.State.Files;

public sealed class FileLogStoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("weir-logs-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Open_TornAtEveryByteOfTheLastRecord_KeepsExactlyTheOnesBefore()
    {
        var path = await WriteAsync("first", "second", "third");
        var whole = await File.ReadAllBytesAsync(path);
        var twoRecords = whole.Length - (9 + "third".Length);
        for (var length = twoRecords; length < whole.Length; length++)
        {
            await File.WriteAllBytesAsync(path, whole[..length]);
            await using var logs = new FileLogStore(_folder);
            (await ReadAsync(logs)).ShouldBe(["first", "second"]);
            await using (var writer = await logs.OpenAsync("log", 1))
            {
                writer.Count.ShouldBe(2);
                new FileInfo(path).Length.ShouldBe(twoRecords);
                await writer.AppendAsync([Json("again")]);
            }

            (await ReadAsync(logs)).ShouldBe(["first", "second", "again"]);
        }
    }

    [Fact]
    public async Task Open_LastRecordOfWrongBytes_IsCut()
    {
        var path = await WriteAsync("first", "second");
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);

        await using var logs = new FileLogStore(_folder);
        await using var writer = await logs.OpenAsync("log", 1);
        writer.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Open_DamageInTheMiddle_IsToldAndNothingIsCut()
    {
        var path = await WriteAsync("first", "second", "third");
        var bytes = await File.ReadAllBytesAsync(path);
        bytes[^(9 + 5 + 1)] ^= 1;
        await File.WriteAllBytesAsync(path, bytes);

        await using var logs = new FileLogStore(_folder);
        (await Should.ThrowAsync<InvalidDataException>(async () => await logs.OpenAsync("log", 2))).Message.ShouldContain("middle");
        new FileInfo(path).Length.ShouldBe(bytes.Length);
    }

    [Fact]
    public async Task Open_FenceSurvivesTheProcess()
    {
        await using (var logs = new FileLogStore(_folder))
            await (await logs.OpenAsync("log", 20)).DisposeAsync();

        await using var again = new FileLogStore(_folder);
        await Should.ThrowAsync<StaleFenceException>(async () => await again.OpenAsync("log", 19));
        await (await again.OpenAsync("log", 20)).DisposeAsync();
    }

    [Fact]
    public async Task Open_StrangeNames_StayInTheFolder()
    {
        await using var logs = new FileLogStore(_folder);
        foreach (var name in new[] { "..", "../../x", "a/b", new string('é', 200) })
        {
            await using var writer = await logs.OpenAsync(name, 1);
            await writer.AppendAsync([Json(name)]);
        }

        Directory.GetFiles(_folder).Length.ShouldBe(4);
    }

    private async Task<string> WriteAsync(params string[] records)
    {
        await using var logs = new FileLogStore(_folder);
        await using var writer = await logs.OpenAsync("log", 1);
        await writer.AppendAsync([.. records.Select(Json)]);
        return Path.Combine(_folder, "log.log");
    }

    private static async Task<List<string>> ReadAsync(ILogStore logs)
    {
        var records = new List<string>();
        await foreach (var record in logs.ReadAsync("log"))
            records.Add(record.Text());
        return records;
    }
}
