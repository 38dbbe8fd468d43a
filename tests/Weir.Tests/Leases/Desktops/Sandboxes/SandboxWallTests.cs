using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Weir.Leases.Desktops.Sandboxes;
using Weir.Leases.Kinds;
using static Weir.Tests.Leases.Desktops.Sandboxes.RealDesktops;

namespace Weir.Tests.Leases.Desktops.Sandboxes;

/// <summary>A program inside a real desktop tries to get out.</summary>
public sealed class SandboxWallTests(RealDesktops desktops) : IClassFixture<RealDesktops>
{
    private readonly RealDesktops _desktops = desktops;

    [Fact]
    public async Task Nat_LoopbackOfTheMachine_IsOutOfReachAndItsOtherAddressesAreNot()
    {
        using var loopback = new TcpListener(IPAddress.Loopback, 0);
        using var open = new TcpListener(IPAddress.Any, 0);
        loopback.Start();
        open.Start();
        var sandbox = await _desktops.MakeAsync("nat", Plan("xterm", DesktopNetwork.Nat));
        var (closed, free) = (((IPEndPoint)loopback.LocalEndpoint).Port, ((IPEndPoint)open.LocalEndpoint).Port);

        foreach (var address in (string[])["127.0.0.1", "localhost", "10.0.2.2", "10.0.2.3", "0.0.0.0"])
        {
            (await InsideAsync(sandbox, Connect(address, closed))).ShouldStartWith("refused");
            (await InsideAsync(sandbox, Connect(address, free))).ShouldStartWith("refused");
        }

        (await InsideAsync(sandbox, "cat /etc/resolv.conf")).ShouldBe("nameserver 10.0.2.3");
        if (OwnAddress() is { } own)
            (await InsideAsync(sandbox, Connect(own, free, within: 30))).ShouldBe("reached");
    }

    [Fact]
    public async Task None_AnyAddress_IsOutOfReach()
    {
        using var open = new TcpListener(IPAddress.Any, 0);
        open.Start();
        var port = ((IPEndPoint)open.LocalEndpoint).Port;
        var sandbox = await _desktops.SharedAsync();

        foreach (var address in ((string?[])["127.0.0.1", "10.0.2.2", OwnAddress()]).OfType<string>())
            (await InsideAsync(sandbox, Connect(address, port))).ShouldStartWith("refused");
        (await InsideAsync(sandbox, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")).ShouldBe("lo");
    }

    [Fact]
    public async Task Inside_FilesOfTheMachine_AreNotThere()
    {
        var secret = Path.Combine(_desktops.Data, "secret");
        await File.WriteAllTextAsync(secret, "secret", TestContext.Current.CancellationToken);
        var sandbox = await _desktops.SharedAsync();

        foreach (var path in (string[])[secret, _desktops.Folder, "/root", "/var/lib", "/boot", "/sys/kernel", "/etc/shadow", "/etc/ssl/private", Environment.CurrentDirectory == "/" ? "/srv" : Environment.CurrentDirectory])
            (await InsideAsync(sandbox, $"ls -d '{path}'")).ShouldContain("No such file");
        (await InsideAsync(sandbox, "ls /tmp /home /run")).ShouldNotContain("weir-desktops-");
        foreach (var command in (string[])["touch /usr/x", "touch /x", "touch /dev/x", "touch /etc/fonts/x", "mknod /tmp/d b 8 0", "mount -t tmpfs none /tmp", "echo 1 >/proc/sys/kernel/hostname"])
            (await InsideAsync(sandbox, $"{command} && echo done")).ShouldNotContain("done");
        (await InsideAsync(sandbox, "tr '\\0' '\\n' </proc/1/environ")).Split('\n')
            .ShouldBeSubsetOf(["LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PWD=/", "PATH=/usr/local/bin:/usr/bin:/bin"]);
    }

    [Fact]
    public async Task Inside_DataFolderBelowUsr_IsEmpty()
    {
        await RequireAsync(Plan("xterm"));
        var data = "/usr/local/weir-test-" + Guid.NewGuid().ToString("N");
        try
        {
            Directory.CreateDirectory(data);
        }
        catch (UnauthorizedAccessException)
        {
            Assert.Skip("This user cannot write below /usr.");
        }

        try
        {
            await File.WriteAllTextAsync(data + "/secret", "secret", TestContext.Current.CancellationToken);
            using var host = new SandboxHost(new SandboxOptions { Folder = data + "/desktops" }, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<SandboxHost>.Instance);
            var (sandbox, fault) = await host.CreateAsync("hidden", Plan("xterm"), TestContext.Current.CancellationToken);
            fault.ShouldBeNull();

            (await InsideAsync(sandbox!, $"ls -A '{data}'; touch '{data}/x'; ls -d /opt")).ShouldSatisfyAllConditions(
                said => said.ShouldNotContain("secret"), said => said.ShouldNotContain("desktops"), said => said.ShouldContain("Read-only"), said => said.ShouldContain("No such file"));
            await host.LeaveAsync(_ => false);
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    [Fact]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task Inside_ProgramOfOpt_SeesItsVendorsFolderAndNoOther()
    {
        await RequireAsync(Plan("xterm"));
        var (vendor, other) = ("/opt/weir-test-" + Guid.NewGuid().ToString("N"), "/opt/weir-test-" + Guid.NewGuid().ToString("N"));
        try
        {
            Directory.CreateDirectory(vendor + "/app");
            Directory.CreateDirectory(other);
        }
        catch (UnauthorizedAccessException)
        {
            Assert.Skip("This user cannot write below /opt.");
        }

        try
        {
            await File.WriteAllTextAsync(vendor + "/app/words", "from opt", TestContext.Current.CancellationToken);
            await File.WriteAllTextAsync(vendor + "/app/program", "#!/bin/sh\ncat \"${0%/*}/words\" >/tmp/said\nexec xterm\n", TestContext.Current.CancellationToken);
            File.SetUnixFileMode(vendor + "/app/program", (UnixFileMode)Convert.ToInt32("755", 8));
            var sandbox = await _desktops.MakeAsync("opt", Plan(vendor + "/app/program"));

            (await InsideAsync(sandbox, "cat /tmp/said; ls /opt")).ShouldBe("from opt" + Path.GetFileName(vendor));
            (await InsideAsync(sandbox, $"touch {vendor}/x; touch /opt/x; ls {other}; ls -d {vendor}"))
                .Split('\n').Select(line => line.Contains("Read-only", StringComparison.Ordinal) || line.Contains("No such file", StringComparison.Ordinal)).ShouldBe([true, true, true, false]);
        }
        finally
        {
            Directory.Delete(vendor, recursive: true);
            Directory.Delete(other);
        }
    }

    [Fact]
    public async Task Inside_OtherDesktopsAndProcesses_AreOutOfReach()
    {
        var (first, second) = (await _desktops.SharedAsync(), await _desktops.MakeAsync("b", Plan("xterm")));
        var name = "\0weir-" + Guid.NewGuid().ToString("N");
        using var host = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        host.Bind(new UnixDomainSocketEndPoint(name));
        host.Listen();

        (await InsideAsync(first, "ls /tmp/.X11-unix")).ShouldBe("X0");
        (await InsideAsync(first, $"python3 -c \"import socket; s=socket.socket(socket.AF_UNIX); s.connect('\\0{name[1..]}')\"")).ShouldContain("refused");
        (await InsideAsync(first, "ps -eo args")).ShouldNotContain("Weir");
        (await InsideAsync(first, $"kill -9 {Environment.ProcessId} {second.Facts.First.Pid}")).ShouldContain("No such process");
        (await InsideAsync(first, "ipcs -m | grep -c ^0x; :")).ShouldNotBe("");
        (OuterUser.Of("shared") is { } one && OuterUser.Of("b") is { } other && one == other).ShouldBeFalse();
        second.IsAlive.ShouldBeTrue();
    }

    [Fact]
    public async Task Open_SocketReplacedByALink_IsNotFollowed()
    {
        var sandbox = await _desktops.SharedAsync();
        Sandbox.Open("shared", sandbox.Facts).ShouldNotBeNull().Dispose();

        await InsideAsync(sandbox, "mv /tmp/.X11-unix/X0 /tmp/real; ln -s /tmp/real /tmp/.X11-unix/X0");

        Sandbox.Open("shared", sandbox.Facts).ShouldBeNull();
        await InsideAsync(sandbox, "mv -T /tmp/real /tmp/.X11-unix/X0");
    }

    [Fact]
    public async Task Inside_Processes_AreBounded()
    {
        var sandbox = await _desktops.SharedAsync();

        (await InsideAsync(sandbox, "ulimit -p; ulimit -n; df -P /home/user /tmp /dev/shm /run | tail -n +2 | wc -l")).ShouldBe("4096\n8192\n4");
        (await InsideAsync(sandbox, "df -P / | tail -1; touch /never")).ShouldContain("Read-only");
    }

    private static string Connect(string address, int port, int within = 3) =>
        $"python3 -c \"import socket\ntry:\n  socket.create_connection(('{address}', {port}), {within}); print('reached')\nexcept OSError as e: print('refused', e)\"";

    private static string? OwnAddress() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(nic => nic.OperationalStatus == OperationalStatus.Up && nic.NetworkInterfaceType != NetworkInterfaceType.Loopback)
        .SelectMany(nic => nic.GetIPProperties().UnicastAddresses).Select(unicast => unicast.Address)
        .FirstOrDefault(address => address.AddressFamily == AddressFamily.InterNetwork && !address.ToString().StartsWith("169.254", StringComparison.Ordinal))?.ToString();
}
