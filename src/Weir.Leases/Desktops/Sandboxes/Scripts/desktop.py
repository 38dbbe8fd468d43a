"""The first program of a desktop: X server, window manager, accessibility bus and program, and commands on request.

It says on standard output that it runs, one line of JSON, and so that the walls around it stand. It reads its settings, one
line too, from standard input, and ends at once where none come: whoever began it has died. It answers with one more line.
Afterwards it is asked over a socket in its own folder. It runs as the desktop's user, beside programs that nobody trusts:
nothing that it says is believed outside without a bound.
"""
print('{"runs":1}', flush=True)  # Before the rest is even loaded: outside, the network waits for it.

import ctypes
import fcntl
import json
import os
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

PROCESSES = 4096
FILES = 8192
CALLS = 16
LONGEST_HEADER = 1 << 20
LONGEST_INPUT = 16 << 20
LONGEST_FAULT = 2000
LONGEST_PAUSE = 30.0
WINDOW_WITHIN = 5.0
LIFE = 8
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36
# The machine out of memory ends the program before what shows it, and that before whoever made the desktop.
EXPENDABLE = 'read -r score </proc/self/oom_score_adj && echo $((score < 700 ? score + 300 : 1000)) >/proc/self/oom_score_adj; exec "$@"'
AT_SPI = ("/usr/libexec/at-spi-bus-launcher", "/usr/lib/at-spi2-core/at-spi-bus-launcher")

WINDOW_MANAGER = """<?xml version="1.0"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew></focus>
  <placement><policy>Smart</policy></placement>
  <desktops><number>1</number><popupTime>0</popupTime></desktops>
  <resize><drawContents>yes</drawContents></resize>
  <keyboard/>
  <mouse>
    <context name="Client"><mousebind button="Left" action="Press"><action name="Focus"/><action name="Raise"/></mousebind></context>
    <context name="Titlebar">
      <mousebind button="Left" action="Press"><action name="Focus"/><action name="Raise"/></mousebind>
      <mousebind button="Left" action="Drag"><action name="Move"/></mousebind>
      <mousebind button="Left" action="DoubleClick"><action name="ToggleMaximize"/></mousebind>
    </context>
    <context name="Top Bottom Left Right TLCorner TRCorner BLCorner BRCorner">
      <mousebind button="Left" action="Drag"><action name="Resize"/></mousebind>
    </context>
    <context name="Close"><mousebind button="Left" action="Click"><action name="Close"/></mousebind></context>
    <context name="Maximize"><mousebind button="Left" action="Click"><action name="ToggleMaximize"/></mousebind></context>
    <context name="Iconify"><mousebind button="Left" action="Click"><action name="Iconify"/></mousebind></context>
  </mouse>
  <applications><application type="normal"><maximized>yes</maximized></application></applications>
</openbox_config>
"""


class Fault(Exception):
    """Why the desktop cannot be used, in words for its operator."""


class Desktop:
    def __init__(self, settings):
        self.folder = settings["folder"]
        self.home = settings["home"]
        self.sandboxed = settings["sandboxed"]
        self.cookie = bytes.fromhex(settings["cookie"])
        self.program, self.blank = settings["program"], settings.get("blank")
        self.width, self.height, self.open = settings["width"], settings["height"], settings.get("open")
        self.display = None
        self.changing = threading.Lock()
        self.spawning = threading.Lock()
        # What was started under an older number is neither missed nor started again.
        self.round = 0
        self.program_round = 0
        self.running = {}
        authority = os.path.join(self.folder, "authority")
        self.environment = {
            "HOME": self.home, "USER": "user", "LOGNAME": "user", "SHELL": "/bin/sh", "LANG": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games", "TMPDIR": settings["temporary"],
            "XAUTHORITY": authority, "XDG_RUNTIME_DIR": self.folder, "XDG_CONFIG_HOME": os.path.join(self.home, ".config"),
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=" + os.path.join(self.folder, "bus"),
            "ACCESSIBILITY_ENABLED": "1", "QT_ACCESSIBILITY": "1", "NO_AT_BRIDGE": "0",
        }
        self.write(authority, self.authority())
        self.write(os.path.join(self.home, ".config", "openbox", "rc.xml"), WINDOW_MANAGER.encode())

    @staticmethod
    def write(path, content):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)

    def authority(self):
        """One entry of an Xauthority file, for whatever host and display."""
        fields = [b"", b"", b"MIT-MAGIC-COOKIE-1", self.cookie]
        return struct.pack(">H", 65535) + b"".join(struct.pack(">H", len(field)) + field for field in fields)

    def popen(self, command, **rest):
        return subprocess.Popen(command, env=self.environment, cwd=self.home, start_new_session=True,
                                stdin=rest.pop("stdin", subprocess.DEVNULL), stdout=rest.pop("stdout", subprocess.DEVNULL),
                                stderr=rest.pop("stderr", subprocess.DEVNULL), **rest)

    # --- start and stop ---

    def start(self):
        self.round += 1
        self.start_display()
        self.keep("bus", ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--address=" + self.environment["DBUS_SESSION_BUS_ADDRESS"]])
        self.keep("windows", ["openbox", "--sm-disable"])
        # A window that is mapped while the window manager begins may stay unseen.
        self.wait_for(["xdotool", "get_num_desktops"], 5)
        bus = os.path.join(self.folder, "bus")
        until = time.monotonic() + 2
        while shutil.which("dbus-daemon") and not os.path.exists(bus) and time.monotonic() < until:
            time.sleep(0.01)
        for launcher in AT_SPI:
            if os.path.exists(launcher):
                self.keep("accessibility", [launcher, "--launch-immediately"])
                break
        self.start_program()

    def start_display(self):
        reads, writes = os.pipe()
        try:
            server = self.popen(
                ["Xvfb", "-displayfd", str(writes), "-screen", "0", f"{self.width}x{self.height}x24", "-auth", self.environment["XAUTHORITY"],
                 "-extension", "GLX", "-nolisten", "tcp", "-noreset"], stderr=subprocess.PIPE, pass_fds=[writes])
        except FileNotFoundError:
            os.close(reads)
            raise Fault("Xvfb is not there.")
        finally:
            os.close(writes)
        said = b""
        until = time.monotonic() + 20
        while not said.endswith(b"\n"):
            ready, _, _ = select.select([reads], [], [], max(0, until - time.monotonic()))
            piece = os.read(reads, 64) if ready else b""
            if not piece:
                server.kill()
                raise Fault("The X server did not start: " + server.stderr.read()[-1000:].decode(errors="replace").strip())
            said += piece
        os.close(reads)
        self.display = int(said)
        self.environment["DISPLAY"] = f":{self.display}"
        self.running["display"] = server
        threading.Thread(target=self.watch_display, args=(server, self.round), daemon=True).start()

    def watch_display(self, server, round):
        while server.stderr.read1(4096):
            pass
        server.wait()
        if round == self.round:
            # Without its display the desktop is none: it ends, and its owner makes another.
            self.end(1)

    def keep(self, name, command):
        """Runs a program, and again when it ends, ever more slowly where it ends soon."""
        threading.Thread(target=self.kept, args=(name, command, self.round, self.program_round), daemon=True).start()

    def kept(self, name, command, round, program_round):
        pause = 0.5
        while True:
            began = time.monotonic()
            with self.spawning:
                if not self.is_current(name, round, program_round):
                    return
                try:
                    process = self.popen(command)
                except OSError:
                    process = None
                self.running[name] = process
            if process is not None:
                process.wait()
            if time.monotonic() - began > 60:
                pause = 0.5
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def is_current(self, name, round, program_round):
        return round == self.round and (name != "program" or program_round == self.program_round)

    def start_program(self):
        self.program_round += 1
        if self.program:
            self.keep("program", ["/bin/sh", "-c", EXPENDABLE, "sh", *self.program] + [word for word in [self.open or self.blank] if word])

    def stop_program(self):
        with self.spawning:
            self.program_round += 1
            process = self.running.pop("program", None)
        if process is not None:
            # A browser that is asked to end does not offer to restore its pages when it comes again.
            try:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(2)
            except (OSError, subprocess.TimeoutExpired):
                pass
            kill_group(process)
            process.wait()

    def stop(self):
        with self.spawning:
            self.round += 1
            self.running.clear()
        self.end_all()
        for folder, names in (("/tmp/.X11-unix", "X%d"), ("/tmp", ".X%d-lock")):
            try:
                os.unlink(os.path.join(folder, names % self.display))
            except OSError:
                pass

    def end_all(self):
        """Every process of the desktop but this one."""
        if self.sandboxed:
            # All of the PID namespace; its first process is not reached from inside.
            try:
                os.kill(-1, signal.SIGKILL)
            except ProcessLookupError:
                pass
            return
        until = time.monotonic() + 5
        while (left := descendants(os.getpid())) and time.monotonic() < until:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            time.sleep(0.01)

    def end(self, code):
        self.round += 1
        self.end_all()
        if not self.sandboxed:
            try:
                os.unlink(f"/tmp/.X11-unix/X{self.display}")
            except OSError:
                pass
            shutil.rmtree(os.path.dirname(self.folder), ignore_errors=True)
        os._exit(code)

    def wait_for_window(self):
        """Until a window is to be seen; a program that shows none is as ready after five seconds."""
        if self.program:
            self.wait_for(["xdotool", "search", "--onlyvisible", "--class", "."], WINDOW_WITHIN)

    def wait_for(self, command, within):
        """Until a command succeeds and says something."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            try:
                found = subprocess.run(command, env=self.environment, timeout=2, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            except (OSError, subprocess.TimeoutExpired):
                continue
            if found.returncode == 0 and found.stdout.strip():
                return
            time.sleep(0.02)

    # --- what is asked of it ---

    def serve(self, listener):
        slots = threading.BoundedSemaphore(CALLS)
        while True:
            connection, _ = listener.accept()
            slots.acquire()
            threading.Thread(target=self.answer, args=(connection, slots), daemon=True).start()

    def answer(self, connection, slots):
        try:
            with connection:
                connection.settimeout(30)
                with connection.makefile("rb") as reader:
                    request = json.loads(reader.readline(LONGEST_HEADER))
                    given = reader.read(min(int(request.get("stdin", 0)), LONGEST_INPUT))
                if request["call"] == "work":
                    head, body = self.work(), b""
                else:
                    head, body = self.change(request) if request["call"] == "change" else self.run(request, given, connection)
                head["length"] = len(body)
                connection.sendall(json.dumps(head).encode() + b"\n" + body)
        except (OSError, ValueError, KeyError):
            pass  # It has left, or asks for what there is not.
        finally:
            slots.release()

    def change(self, request):
        """Another size, or another thing opened: the program begins anew, and with another size everything does."""
        with self.changing:
            size, open_ = (request["width"], request["height"]), request.get("open")
            try:
                if size != (self.width, self.height):
                    self.stop()
                    (self.width, self.height), self.open = size, open_
                    self.start()
                elif open_ != self.open:
                    self.stop_program()
                    self.open = open_
                    self.start_program()
                else:
                    return {"display": self.display}, b""
                self.wait_for_window()
                return {"display": self.display}, b""
            except Fault as fault:
                return {"fault": str(fault)}, b""

    def work(self):
        """Whether any thread but this program's own runs, or waits for its turn or for the disk."""
        own = os.getpid()
        others = [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != own] if self.sandboxed else descendants(own)
        return {"start": self.program_round, "busy": any(map(is_working, others))}

    def run(self, request, given, connection):
        try:
            process = self.popen(request["command"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as e:
            return {"exit": None, "fault": f"{request['command'][0]} cannot be run: {e.strerror}."}, b""
        output, errors, fault = relay(process, given, int(request["most"]), connection)
        code = process.wait()
        if fault is not None:
            return {"exit": None, "fault": fault}, output
        return {"exit": 128 - code if code < 0 else code, "fault": errors[-LONGEST_FAULT:].decode(errors="replace") or None}, output


def relay(process, given, most, connection):
    """Feeds a process and reads what it says until it ends; ended where it says too much, or nobody waits for it any more."""
    output, errors, fault, fed = bytearray(), b"", None, 0
    streams = {process.stdout.fileno(): "out", process.stderr.fileno(): "err"}
    feed = process.stdin.fileno()
    for descriptor in (*streams, feed):
        os.set_blocking(descriptor, False)
    connection.settimeout(None)
    ended = False
    while streams or not ended:
        # The last of its output is read when it has ended; a descendant that keeps the pipe open is not waited for.
        ended = process.poll() is not None
        reads, writes, _ = select.select([*streams, connection], [feed] if feed is not None else [], [], 0 if ended else 0.02)
        if connection in reads and not ended and fault is None:
            fault = "Nobody waits for it any more."
            kill_group(process)
        if feed in writes:
            try:
                fed += os.write(feed, given[fed:fed + 65536]) if fed < len(given) else 0
            except BlockingIOError:
                pass
            except OSError:
                fed = len(given)
            if fed >= len(given):
                process.stdin.close()
                feed = None
        said = False
        for descriptor in [d for d in reads if d in streams]:
            try:
                piece = os.read(descriptor, 65536)
            except BlockingIOError:
                continue
            said = True
            if not piece:
                del streams[descriptor]
            elif streams[descriptor] == "err":
                errors = (errors + piece)[-4 * LONGEST_FAULT:]
            elif fault is None:
                output += piece
                if len(output) > most:
                    del output[most:]
                    fault = f"It wrote more than {most} bytes."
                    kill_group(process)
        if ended and not said:
            break
    for stream in (process.stdin, process.stdout, process.stderr):
        try:
            stream.close()
        except OSError:
            pass
    return bytes(output), errors, fault


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass


def parents():
    """The parent of every process that can be seen."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    found[int(name)] = int(stat.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                pass
    return found


def descendants(root):
    by_parent = {}
    for pid, parent in parents().items():
        by_parent.setdefault(parent, []).append(pid)
    found, left = [], [root]
    while left:
        inner = by_parent.get(left.pop(), [])
        found += inner
        left += inner
    return [pid for pid in found if not is_ended(pid)]


def is_working(pid):
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return False
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/stat", "rb") as stat:
                if stat.read().rpartition(b")")[2].split(None, 1)[0] in (b"R", b"D"):
                    return True
        except (OSError, IndexError):
            pass  # It has just ended.
    return False


def is_ended(pid):
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return True


def become_reaper(desktop):
    """Without a PID namespace: whoever loses his parent becomes this one's child, so that all can be found again and ended."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=desktop.end, args=(0,)).start())

    def reap():
        while True:
            time.sleep(5)
            own = {process.pid for process in list(desktop.running.values()) if process is not None}
            for pid, parent in parents().items():
                if parent == os.getpid() and pid not in own and is_ended(pid):
                    time.sleep(0.5)
                    try:
                        os.waitpid(pid, os.WNOHANG)
                    except ChildProcessError:
                        pass
    threading.Thread(target=reap, daemon=True).start()


def end_with_owners(desktop):
    """Ends the desktop when nobody holds its folder any more: neither whoever made it, nor the guard, nor who has taken it over."""
    try:
        fcntl.flock(LIFE, fcntl.LOCK_EX)
        fcntl.flock(LIFE, fcntl.LOCK_UN)
    except OSError:
        return  # A file system without locks: the guard alone ends it.
    desktop.end(0)


def furnish(settings):
    """What programs look for in /etc, inside a sandbox."""
    for name, content in settings["files"].items():
        with open(name, "w") as file:
            file.write(content)


def main():
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        return 1
    os.closerange(3, LIFE)
    os.closerange(LIFE + 1, 4096)
    os.set_inheritable(LIFE, False)
    os.umask(0o077)
    settings = json.loads(line)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most), min(FILES, most)))
    if settings["sandboxed"]:
        # Programs of the same user can neither trace this one nor open what it has open.
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
        # Counted in the sandbox's own user namespace.
        _, most = resource.getrlimit(resource.RLIMIT_NPROC)
        bound = PROCESSES if most == resource.RLIM_INFINITY else min(PROCESSES, most)
        resource.setrlimit(resource.RLIMIT_NPROC, (bound, bound))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for folder in (settings["folder"], settings["home"], settings["temporary"]):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    furnish(settings)
    desktop = Desktop(settings)
    if not desktop.sandboxed:
        become_reaper(desktop)
    threading.Thread(target=end_with_owners, args=(desktop,), daemon=True).start()
    answer = {}
    try:
        desktop.start()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(os.path.join(desktop.folder, "calls"))
        listener.listen(CALLS)
        desktop.wait_for_window()
        answer = {"display": desktop.display}
    except Fault as fault:
        answer = {"fault": str(fault)}
    try:
        print(json.dumps(answer), flush=True)
    except OSError:
        pass
    if "fault" in answer:
        desktop.end(1)
    with open(os.devnull, "r+b") as nothing:
        for descriptor in range(3):
            os.dup2(nothing.fileno(), descriptor)
    desktop.serve(listener)


if __name__ == "__main__":
    sys.exit(main())
