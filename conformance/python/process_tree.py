"""The processes of a server in Process mode, as the kernel shows them, and the executable that they are started from."""

import collections
import ctypes
import os
import pathlib
import re
import shutil
import signal
import uuid

from deadline import DEADLINE_S, wait_until
from example_server import ExampleServer

# Inherited by every process of a server, so that none is overlooked, whoever its parent has become.
MARK = "SWITCHBOARD_CONFORMANCE_TREE"

# The same on all architectures.
PIDFD_GETFD = 438

TITLE = re.compile(r"switchboard: (?:(master|manager)|worker (\d+) gen (\d+)|process (\S+) gen (\d+))$")

Member = collections.namedtuple("Member", "pid started parent title role slot generation")


def read_stat(pid):
    """State, parent and start time of a process, or None if it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold anything; field 3 follows the last one.
    fields = text[text.rindex(")") + 2:].split()
    return fields[0], int(fields[1]), int(fields[19])


def read_bytes(pid, name):
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


class ProcessTree:
    """Every living process that was started, directly or not, with the mark in its environment."""

    def __init__(self, mark):
        self._mark = f"{MARK}={mark}".encode()
        self._known = {}  # pid -> is it one of them?

    def members(self):
        pids = set(all_pids())
        self._known = {pid: known for pid, known in self._known.items() if pid in pids}
        found = []
        for pid in pids:
            if pid not in self._known:
                environment = read_bytes(pid, "environ")
                if not environment:
                    continue  # of the kernel, of somebody else, or about to be executed
                self._known[pid] = self._mark in environment.split(b"\0")
            if self._known[pid] and (member := self._member(pid)):
                found.append(member)
        return sorted(found)

    @staticmethod
    def _member(pid):
        title = read_bytes(pid, "cmdline").split(b"\0")[0].decode(errors="replace")
        stat = read_stat(pid)
        if stat is None or stat[0] in "ZX":
            return None
        match = TITLE.match(title)
        role, slot, generation = None, None, None
        if match and match[1]:
            role = match[1]
        elif match and match[2]:
            role, slot, generation = "worker", int(match[2]), int(match[3])
        elif match:
            role, slot, generation = "process", match[4], int(match[5])
        return Member(pid, stat[2], stat[1], title, role, slot, generation)

    def workers(self):
        return [member for member in self.members() if member.role == "worker"]

    def kill(self, member, number=signal.SIGKILL):
        """Sends a signal to exactly this process, not to one that has got its number since; False if it is gone."""
        try:
            descriptor = os.pidfd_open(member.pid)
        except ProcessLookupError:
            return False
        try:
            stat = read_stat(member.pid)
            if stat is None or stat[2] != member.started:
                return False
            signal.pidfd_send_signal(descriptor, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)

    def kill_all(self):
        """Whatever is left, until nothing is."""
        def none_is_left():
            members = self.members()
            for member in members:
                self.kill(member)
            return not members
        wait_until(none_is_left, "every process of the server is gone")


def executed_file(pid):
    """(device, inode) of the file that a process executes, whatever has become of its name; None if it is gone."""
    try:
        status = os.stat(f"/proc/{pid}/exe")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return status.st_dev, status.st_ino


def shared_memory(pid):
    """(device, inode) of each memfd that a process has open or mapped, and the names of files in /dev/shm."""
    memfds, files = set(), set()
    try:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{descriptor}"
            try:
                target, status = os.readlink(path), os.stat(path)
            except FileNotFoundError:
                continue
            if target.startswith("/memfd:"):
                memfds.add((status.st_dev, status.st_ino))
            elif target.startswith("/dev/shm/"):
                files.add(target)
        for line in read_bytes(pid, "maps").decode(errors="replace").splitlines():
            fields = line.split(maxsplit=5)
            if len(fields) == 6 and fields[5].startswith("/memfd:"):
                major, minor = (int(part, 16) for part in fields[3].split(":"))
                memfds.add((os.makedev(major, minor), int(fields[4])))
            elif len(fields) == 6 and fields[5].startswith("/dev/shm/"):
                files.add(fields[5])
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        pass  # it has ended, or belongs to somebody else
    return memfds, files


def scribble(pid, noise):
    """Writes bytes that `noise(count)` makes all over the shared memory that a process may write to."""
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        for line in read_bytes(pid, "maps").decode(errors="replace").splitlines():
            addresses, permissions, *_ = line.split()
            if permissions == "rw-s" and "/memfd:" in line:
                start, end = (int(address, 16) for address in addresses.split("-"))
                memory.seek(start)
                memory.write(noise(end - start))


def descriptors(pid, kind):
    """Duplicates of the descriptors of one kind that a process has, the very ones: flags and counters are shared."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            if kind in os.readlink(f"/proc/{pid}/fd/{name}"):
                duplicate = libc.syscall(PIDFD_GETFD, process, int(name), 0)
                if duplicate < 0:
                    raise OSError(ctypes.get_errno(), f"descriptor {name} of {pid} cannot be had")
                yield duplicate
    finally:
        os.close(process)


class Builds:
    """Copies of one example: files that are as different builds, told apart by which one a process executes."""

    def __init__(self, source, folder, count=2):
        self.files = [folder / f"{source.name}-build-{number}" for number in range(count)]
        for path in self.files:
            shutil.copy2(source, path)

    def number(self, pid):
        """Which of them a process executes; None if it is none of them, or gone."""
        executed = executed_file(pid)
        for number, path in enumerate(self.files):
            status = path.stat()
            if executed == (status.st_dev, status.st_ino):
                return number
        return None

    def install(self, number, destination):
        """Puts a build where the server looks for its executable, in one step, as an installer does."""
        arriving = destination.with_name(destination.name + ".new")
        arriving.unlink(missing_ok=True)
        os.link(self.files[number], arriving)
        os.replace(arriving, destination)
        arriving.unlink(missing_ok=True)  # it stays where both names lead to the same file


class ProcessServer(ExampleServer):
    """An example in Process mode, started from a file of its own that can be replaced."""

    def __init__(self, name, *flags, builds, folder, workers=2, environment=None, **options):
        self.builds = builds
        self.worker_count = workers
        self.executable = folder / name
        builds.install(0, self.executable)
        mark = uuid.uuid4().hex
        self.tree = ProcessTree(mark)
        self._known_log = 0
        super().__init__(name, "--mode", "process", "--workers", workers, *flags, executable=self.executable,
                         environment={MARK: mark} | (environment or {}), **options)

    def stop(self):
        super().stop()
        self.tree.kill_all()

    def install_script(self, text):
        """Puts a program of an interpreter's where the executable was."""
        self.executable.unlink()
        self.executable.write_text(text)
        self.executable.chmod(0o755)

    def manager(self):
        """Not a child of it that is about to become something else, nor one that is dying beside its successor."""
        for member in reversed(sorted(self.tree.members(), key=lambda member: member.started)):
            if member.role == "manager" and member.parent == self.process.pid:
                return member
        return None

    def workers(self):
        return self.tree.workers()

    def worker_pids(self):
        return {worker.pid for worker in self.workers()}

    def generation(self):
        """The highest of those that run."""
        return max((worker.generation for worker in self.workers()), default=0)

    def is_whole(self, above=0):
        """A manager and one worker for each number, all of one generation, and that later than `above`: its number, else 0."""
        workers = self.workers()
        generations = {worker.generation for worker in workers}
        slots = sorted(worker.slot for worker in workers)
        if slots != list(range(self.worker_count)) or len(generations) != 1 or min(generations) <= above:
            return 0
        return min(generations) if self.manager() else 0

    def wait_until_whole(self, above=0, timeout_s=DEADLINE_S):
        """Waits for `is_whole`; says what there is instead if that does not come."""
        try:
            return wait_until(lambda: self.is_whole(above), "", timeout_s)
        except TimeoutError:
            assert self.process.poll() is None, f"the master has ended:\n{self.stderr()}"
            titles = [(member.pid, member.title) for member in self.tree.members()]
            raise TimeoutError(f"not within {timeout_s:g} s: {self.worker_count} workers of one generation "
                               f"above {above}; there are {titles}") from None

    def reload(self, timeout_s=DEADLINE_S):
        """Asks for a reload and waits until only new workers run; the new generation."""
        before = self.generation()
        self.signal(signal.SIGUSR1)
        return self.wait_until_whole(above=before, timeout_s=timeout_s)

    def kill(self, *members):
        """`kill -9`, and waits until they are gone."""
        for member in members:
            self.tree.kill(member)
        gone = {(member.pid, member.started) for member in members}
        wait_until(lambda: not gone & {(member.pid, member.started) for member in self.tree.members()},
                   f"the processes {sorted(gone)} are gone")

    def new_log(self):
        """What came to stderr since the last call."""
        log = self.stderr()
        new = log[self._known_log:]
        self._known_log = len(log)
        return new

    def wait_for_log(self, pattern, timeout_s=DEADLINE_S):
        """Waits until a line that `pattern` (without regard to case) is found in has come to stderr since `new_log`; the line."""
        def found():
            new = self.stderr()[self._known_log:]
            return next((line for line in new.splitlines() if re.search(pattern, line, re.IGNORECASE)), None)
        try:
            return wait_until(found, "", timeout_s)
        except TimeoutError:
            new = self.stderr()[self._known_log:]
            raise TimeoutError(f"no line of the log says /{pattern}/ within {timeout_s:g} s; it says:\n{new}") from None
