"""A new build that cannot start: the old workers go on, the reload says why, and the broken file harms nobody later."""

import signal
import sys

import pytest

from conversation import Chatter, ask, hear, say
from deadline import wait_until
from process_tree import read_bytes

# A hanging start is waited for so long: a good one of a debug build on a busy machine needs less.
WORKER_START_TIMEOUT_MS = 2500


def script(text):
    return lambda server: server.install_script(text)


def told(at_start):
    """The good build, told to fail in its `worker_start`."""
    return lambda server: server.install_script(
        f'#!/bin/sh\nCRASH_AT_START={at_start} exec {server.builds.files[1]} "$@"\n')


def is_told(pid):
    return b"CRASH_AT_START=" in read_bytes(pid, "environ")


def stranger(sends):
    """A program that sends these bytes where a worker says who it is, and then waits for the other side to hang up."""
    return script(f"#!{sys.executable}\n"
                  "import socket\n"
                  "link = socket.socket(fileno=0)\n"
                  f"for message in {sends!r}:\n"
                  "    link.send(message)\n"
                  "while link.recv(65536):\n"
                  "    pass\n")


# It says hello as every version does, by a byte of 0, its version and its process, and speaks one that is to come.
A_LATER_VERSION = f"""#!{sys.executable}
import os, socket
link = socket.socket(fileno=0)
link.send(b"\\0" + (4_000_000_000).to_bytes(4, "little") + os.getpid().to_bytes(4, "little"))
while link.recv(65536):
    pass
"""


def missing(server):
    server.executable.unlink()


def not_executable(server):
    server.builds.install(1, server.executable)
    content = server.executable.read_bytes()
    server.executable.unlink()
    server.executable.write_bytes(content)
    server.executable.chmod(0o644)


def a_directory(server):
    server.executable.unlink()
    server.executable.mkdir()


def cut_short(server):
    content = server.builds.files[1].read_bytes()
    server.executable.unlink()
    # Within what is to be executed: at the end of a file there may be nothing but what debuggers read.
    server.executable.write_bytes(content[:64 << 10])
    server.executable.chmod(0o755)


# How a build can be bad, and what the log says of it.
BAD_BUILDS = {
    "is missing": (missing, ""),
    "is not executable": (not_executable, ""),
    "is a directory": (a_directory, ""),
    "is a text": (script("Nothing that a machine could run.\n"), ""),
    "is empty": (script(""), ""),
    "is cut short": (cut_short, ""),
    "exits at once": (script("#!/bin/sh\nexit 7\n"), "7"),
    "exits at once and says success": (script("#!/bin/sh\nexit 0\n"), ""),
    "is killed": (script("#!/bin/sh\nkill -9 $$\n"), "9|kill"),
    "panics in worker_start": (told("panic"), ""),
    "fails in worker_start": (told("error"), "as it was told"),
    "exits in worker_start": (told("exit"), "4"),
    "hangs in worker_start": (told("hang"), "time|within|seconds| s\\b|ms"),
    "hangs before it says anything": (script("#!/bin/sh\nexec sleep 600\n"), "time|within|seconds| s\\b|ms"),
    "speaks another version": (script(A_LATER_VERSION), "version"),
    "is another program": (stranger([b"hello", b"\0" * 8, b"\xff" * 4096]), ""),
}


def put_a_good_build_back(server):
    if server.executable.is_dir():
        server.executable.rmdir()
    server.builds.install(1, server.executable)


@pytest.mark.parametrize("kind", BAD_BUILDS)
def test_a_bad_build_does_not_take_the_service_down(start_processes, raw, kind):
    server = start_processes("crash", "--reactors", 1, workers=2,
                             environment={"CRASH_WORKER_START_TIMEOUT_MS": str(WORKER_START_TIMEOUT_MS)})
    install, reason = BAD_BUILDS[kind]
    with Chatter([raw(server) for _ in range(4)]) as clients:
        clients.go_on("before the bad build")
        generation = server.generation()
        before = server.tree.members()

        install(server)
        server.new_log()
        server.signal(signal.SIGUSR1)
        server.wait_for_log(f"(?=.*reload)(?=.*(fail|could not|cannot|not reloaded))(?=.*({reason}))")
        wait_until(lambda: server.tree.members() == before, "the processes from before run, and no others")
        clients.go_on("after the reload that failed")

        # The broken file is still there: workers that crash now come back from the build that was good.
        server.kill(*server.workers())
        assert server.wait_until_whole() == generation
        clients.go_on("after the workers were killed")

        server.kill(server.manager(), *server.workers())
        assert server.wait_until_whole() == generation
        clients.go_on("after the manager was killed, too")
        assert {server.builds.number(pid) for pid in server.worker_pids()} == {0}

        put_a_good_build_back(server)
        new = server.reload()
        assert new > generation
        clients.have_all(lambda generations, _: max(generations) == new, "the new code answers everybody")
        assert {server.builds.number(pid) for pid in server.worker_pids()} == {1}
    assert clients.failure is None


def test_a_build_that_starts_and_then_dies_again_and_again_is_slowed_down_and_replaced(start_processes, raw):
    server = start_processes("crash", workers=2)
    connections = [raw(server) for _ in range(10)]
    for connection in connections:
        say(connection, "before")
        assert hear(connection) == "before"
    generation = server.generation()
    told("late")(server)
    server.new_log()
    server.signal(signal.SIGUSR1)
    server.wait_for_log("again.*later|later.*again")

    put_a_good_build_back(server)
    server.signal(signal.SIGUSR1)
    wait_until(lambda: server.is_whole(above=generation) and not any(map(is_told, server.worker_pids())),
               "the good build runs")
    new = server.generation()
    for connection in connections:
        say(connection, "after")
        assert hear(connection) == "after", "a connection is still open, and served"
        assert ask(connection)[0] >= new


def test_a_server_whose_first_build_is_bad_does_not_start_and_says_why(start_processes, builds, tmp_path):
    with pytest.raises(AssertionError, match="as it was told"):
        start_processes("crash", environment={"CRASH_AT_START": "error"})
