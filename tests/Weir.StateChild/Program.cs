// Commits as fast as it can until it is killed, and says on standard output what was acknowledged: "writer number revision".
// Each commit changes three documents of its writer to the same number, so that half a commit would show.
using System.Globalization;
using System.Text;
using Weir.State;

var options = new StateOptions { Store = args[0], DataFolder = args[1] };
var writers = int.Parse(args[2], CultureInfo.InvariantCulture);
await using var store = await StateStores.OpenAsync(options);
await Console.Out.WriteLineAsync("open");

await Task.WhenAll(Enumerable.Range(0, writers).Select(w => Task.Run(async () =>
{
    long version = 0;
    for (var number = 1; ; number++)
    {
        var body = Encoding.UTF8.GetBytes(number.ToString(CultureInfo.InvariantCulture));
        var commit = new Commit("p") { Writes = [.. Enumerable.Range(0, 3).Select(i => new Write($"k/{w}/{i}", version, body))] };
        var outcome = await store.CommitAsync(commit);
        while (outcome is CommitOutcome.Unknown)
            outcome = await store.SettleAsync(commit);
        version = ((CommitOutcome.Committed)outcome).Revision;
        lock (store)
        {
            Console.Out.WriteLine($"{w} {number} {version}");
            Console.Out.Flush();
        }
    }
})));
