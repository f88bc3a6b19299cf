"""The example servers, each started as a process of its own and watched from outside."""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading

from deadline import DEADLINE_S, wait_until

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# How the examples run unless a test says it by a flag of its own: `base` or `process`.
MODE = os.environ.get("SWITCHBOARD_MODE", "base")
# More than one of each, so that what one client does reaches another through a second worker and a second reactor.
PROCESS_FLAGS = {"--mode": "process", "--workers": 2, "--reactors": 2}


def example_path(name):
    """The built example: in SWITCHBOARD_EXAMPLES if that is set, else where cargo puts it."""
    directory = os.environ.get("SWITCHBOARD_EXAMPLES")
    if directory is None:
        metadata = subprocess.run(
            ["cargo", "metadata", "--no-deps", "--format-version", "1"],
            cwd=REPOSITORY, check=True, capture_output=True, text=True,
        )
        directory = pathlib.Path(json.loads(metadata.stdout)["target_directory"], "debug", "examples")
    path = pathlib.Path(directory, name)
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built: run `cargo build -p switchboard --examples`")
    return path


def raise_descriptor_limit():
    """Lets this process and the servers that it starts open as many descriptors as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def flags_of_mode(flags):
    """What SWITCHBOARD_MODE adds to a test's own flags."""
    if MODE == "base" or "--mode" in flags:
        return []
    assert MODE == "process", f"SWITCHBOARD_MODE is {MODE!r}; it can be base or process"
    return [part for flag, value in PROCESS_FLAGS.items() if flag not in flags for part in (flag, value)]


class ExampleServer:
    """One running example. `addresses` holds what it printed after `listening on`, in that order."""

    def __init__(self, name, *flags, listen=("127.0.0.1:0",), executable=None, environment=None):
        arguments = [str(flag) for flag in [*flags, *flags_of_mode(flags)]]
        for address in listen:
            arguments += ["--listen", address]
        self._stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [executable or example_path(name), *arguments], env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._stderr,
        )
        self.stdout_lines = []
        self._reader = threading.Thread(target=self._read_stdout, daemon=True)
        self._reader.start()
        try:
            wait_until(lambda: len(self.stdout_lines) >= len(listen) or self.process.poll() is not None,
                       f"{name} has printed {len(listen)} line(s) `listening on ADDR`")
            self.addresses = [parse_listening_line(line) for line in self.stdout_lines[:len(listen)]]
            assert len(self.addresses) == len(listen), f"{name} ended at its start:\n{self.stderr()}"
        except BaseException:
            self.stop()
            raise

    def _read_stdout(self):
        for line in self.process.stdout:
            self.stdout_lines.append(line.decode().rstrip("\n"))

    @property
    def address(self):
        """(host, port) of the first listener."""
        host, port = self.addresses[0].rsplit(":", 1)
        return host, int(port)

    @property
    def uri(self):
        host, port = self.address
        return f"ws://{host}:{port}/"

    def stderr(self):
        # The server writes at the file's position, which is not to be moved.
        descriptor = self._stderr.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def signal(self, number):
        self.process.send_signal(number)

    def wait_for_exit(self, timeout_s=DEADLINE_S):
        """The exit status; everything that the process wrote to stdout is in `stdout_lines` then."""
        status = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return status

    def stop(self):
        """Ends the process whatever its state, and shows its log where the test has failed."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(DEADLINE_S)
        self.process.stdout.close()
        log = self.stderr()
        self._stderr.close()
        if log:
            print(f"--- stderr of {self.process.args[0]}\n{log[-8000:]}", file=sys.stderr)

    # What the kernel knows about the process, and in Process mode about its manager and its workers.

    def pids(self):
        """The process and its descendants."""
        children = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                # The name in parentheses may hold anything; field 3 follows the last one.
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has ended
            children.setdefault(parent, []).append(int(stat.parent.name))
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def _status_kib(self, field):
        return sum(status_kib(pid, field) for pid in self.pids())

    def resident_bytes(self):
        """Of all processes; memory that they share counts once for each."""
        return self._status_kib("VmRSS") * 1024

    def peak_resident_bytes(self):
        """The most that was resident since the start, or since `reset_peak`."""
        return self._status_kib("VmHWM") * 1024

    def reset_peak(self):
        for pid in self.pids():
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")

    def open_sockets(self):
        """How many sockets the process has open: its listeners and its connections."""
        count = 0
        for descriptor in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
            try:
                count += os.readlink(descriptor).startswith("socket:")
            except FileNotFoundError:
                pass  # closed since it was listed
        return count


def status_kib(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise LookupError(f"/proc has no {field}")


def parse_listening_line(line):
    """The examples say where they listen; the chat says it to people."""
    match = re.fullmatch(r"(?:listening on |Switchboard is ready at https?://)(\S+?)/?", line)
    assert match, f"stdout holds a line that is not `listening on ADDR`: {line!r}"
    return match[1]


TERMINATE = signal.SIGTERM
INTERRUPT = signal.SIGINT
