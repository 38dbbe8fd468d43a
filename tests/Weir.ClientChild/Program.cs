// Leases as docs/clients.md begins, and ends without giving back: "URL KIND END", where END is return, throw, exit or crash.
using Weir.Client;

using var weir = new WeirClient(new Uri(args[0]), apiKey: null);
var environment = new AgentEnvironment(weir, [new(args[1])]);
var lease = await environment.AllocateAsync("worker-1");
Console.WriteLine(lease.Id);
switch (args[2])
{
    case "throw":
        throw new InvalidOperationException("Nobody catches this.");
    case "exit":
        Environment.Exit(3);
        break;
    case "crash":
        // On a thread of its own nothing is disposed first.
        var thread = new Thread(() => throw new InvalidOperationException("Nobody catches this."));
        thread.Start();
        thread.Join();
        break;
}
