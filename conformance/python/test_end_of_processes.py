"""However a server in Process mode ends, nothing of it is left: no process, no memory, no file."""

import itertools
import os
import pathlib
import signal

import pytest

from conversation import Chatter, hear, say
from deadline import DEADLINE_S, wait_until
from process_tree import all_pids, shared_memory
from raw_client import CLOSE, RawClient, close_code, close_payload

GOING_AWAY = 1001


def memory_of(server):
    """The shared memory of all its processes; none of it is a file in /dev/shm, which could stay behind."""
    memfds = set()
    for member in server.tree.members():
        own, files = shared_memory(member.pid)
        assert not files, f"{member} uses {files}"
        memfds |= own
    assert memfds, "the processes share no memory"
    return memfds


def expect_nothing_left(server, memory):
    wait_until(lambda: not server.tree.members(), "no process of the server is left")
    for pid in all_pids():
        assert not memory & shared_memory(pid)[0], f"process {pid} still has memory of the server"


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def expect_end_of_stream(connection):
    """Without a close frame, as there is nobody left to send it."""
    frame = connection.receive_data()
    assert frame is None, frame


def test_titles_say_what_each_process_is(start_processes):
    server = start_processes("echo", workers=3)
    generation = server.reload()
    members = server.tree.members()
    titles = sorted(member.title for member in members)
    assert titles == sorted(["switchboard: master", "switchboard: manager",
                             *(f"switchboard: worker {slot} gen {generation}" for slot in range(3))])
    master = next(member for member in members if member.role == "master")
    assert master.pid == server.process.pid
    manager = server.manager()
    assert all(worker.parent == manager.pid for worker in server.workers())
    # What the master was told stays readable in all of them.
    for member in members:
        arguments = pathlib.Path(f"/proc/{member.pid}/cmdline").read_bytes().split(b"\0")
        if member.role != "master":
            assert b"--workers" in arguments, f"{member}: {arguments}"


@pytest.mark.parametrize("victims", [("master",), ("master", "manager"), ("manager", "master")], ids=" and ".join)
def test_a_killed_master_leaves_nothing(start_processes, tmp_path, raw, victims):
    path = tmp_path / "socket"
    server = start_processes("crash", workers=2, listen=["127.0.0.1:0", f"unix:{path}"])
    connections = [raw(server) for _ in range(10)]
    connections.append(RawClient(str(path)))
    for connection in connections:
        say(connection, "hello")
        assert hear(connection) == "hello"
    # One handler waits, one blocks its worker.
    say(connections[0], "nap 60000")
    say(connections[1], "block 60000")
    for connection in connections[:2]:
        assert hear(connection) == "napping"
    memory = memory_of(server)
    members = {"manager": server.manager()}
    members["master"] = next(member for member in server.tree.members() if member.pid == server.process.pid)
    for victim in victims:
        server.tree.kill(members[victim])
    expect_nothing_left(server, memory)
    for connection in connections:
        expect_end_of_stream(connection)
        connection.close()
    wait_until(lambda: not path.exists(), "the socket's file is gone")


def test_a_master_killed_in_the_middle_of_a_reload_leaves_nothing(start_processes, raw):
    server = start_processes("crash", workers=2)
    slow = raw(server)
    say(slow, "nap 60000")
    assert hear(slow) == "napping"
    memory = memory_of(server)
    generation = server.generation()
    server.signal(signal.SIGUSR1)
    wait_until(lambda: server.generation() > generation, "new workers have been started")
    server.process.kill()
    expect_nothing_left(server, memory)


def test_a_master_killed_while_a_build_hangs_leaves_nothing(start_processes):
    server = start_processes("crash", workers=2)
    memory = memory_of(server)
    server.install_script("#!/bin/sh\nexec sleep 600\n")
    before = len(server.tree.members())
    server.signal(signal.SIGUSR1)
    wait_until(lambda: any(member.title == "sleep" for member in server.tree.members()), "the bad build hangs")
    assert len(server.tree.members()) > before
    server.process.kill()
    expect_nothing_left(server, memory)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("to", ["the master", "everyone"])
def test_a_signal_closes_everyone_with_1001_and_leaves_nothing(start_processes, tmp_path, raw, number, to):
    """`everyone`: as a terminal does it, whose Ctrl-C reaches every process of the group."""
    path = tmp_path / "socket"
    server = start_processes("echo", "--reactors", 2, workers=2, listen=["127.0.0.1:0", f"unix:{path}"])
    connections = [raw(server) for _ in range(50)]
    connections.append(RawClient(str(path)))
    for connection in connections:
        say(connection, "hello")
        assert hear(connection) == "hello"
    memory = memory_of(server)
    for member in server.tree.members():
        if to == "everyone" or member.pid == server.process.pid:
            server.tree.kill(member, number)
    for connection in connections:
        assert connection.receive_close() == GOING_AWAY
        connection.send_frame(CLOSE, close_payload(GOING_AWAY))
    assert server.wait_for_exit() == 0
    connections[-1].close()
    expect_nothing_left(server, memory)
    assert not path.exists()
    assert server.stdout_lines == [f"listening on {address}" for address in server.addresses]


def test_handlers_under_way_do_not_prevent_the_end(start_processes, raw):
    server = start_processes("crash", workers=2)
    connections = [raw(server) for _ in range(10)]
    for connection in connections:
        say(connection, "nap 500")
        assert hear(connection) == "napping"
    server.signal(signal.SIGTERM)
    for connection in connections:
        assert connection.receive_close() == GOING_AWAY
        connection.send_frame(CLOSE, close_payload(GOING_AWAY))
    assert server.wait_for_exit() == 0
    expect_nothing_left(server, set())


@pytest.mark.parametrize("trouble", ["during a reload", "without workers", "without a manager", "while a build hangs"])
def test_a_stop_in_the_middle_of_something_else(start_processes, raw, trouble):
    server = start_processes("crash", workers=2)
    connection = raw(server)
    say(connection, "hello")
    assert hear(connection) == "hello"
    memory = memory_of(server)
    generation = server.generation()
    if trouble == "during a reload":
        server.signal(signal.SIGUSR1)
        wait_until(lambda: server.generation() > generation, "new workers have been started")
    elif trouble == "without workers":
        server.kill(*server.workers())
    elif trouble == "without a manager":
        server.kill(server.manager())
    else:
        server.install_script("#!/bin/sh\nexec sleep 600\n")
        server.signal(signal.SIGUSR1)
        wait_until(lambda: any(member.title == "sleep" for member in server.tree.members()), "the bad build hangs")
    server.signal(signal.SIGTERM)
    frame = connection.receive_data()
    assert frame is not None and frame.opcode == CLOSE and close_code(frame.payload) == GOING_AWAY
    connection.send_frame(CLOSE, close_payload(GOING_AWAY))
    assert server.wait_for_exit() == 0
    expect_nothing_left(server, memory)


def test_a_second_signal_ends_it_at_once(start_processes, raw):
    server = start_processes("crash", workers=2)
    connection = raw(server)
    say(connection, "block 60000")
    assert hear(connection) == "napping"
    memory = memory_of(server)
    server.signal(signal.SIGTERM)
    assert connection.receive_close() == GOING_AWAY
    server.signal(signal.SIGTERM)
    assert server.wait_for_exit(DEADLINE_S) in (128 + signal.SIGTERM, 0)
    expect_nothing_left(server, memory)


def test_reloads_and_kills_leave_no_descriptor_behind(start_processes, raw):
    server = start_processes("echo", workers=2)
    with Chatter([raw(server) for _ in range(2)]) as clients:
        def round_of_changes():
            server.reload()
            server.kill(server.workers()[0])
            server.wait_until_whole()
            server.kill(server.manager())
            server.wait_until_whole()
            clients.go_on("after the changes")

        def counts():
            return [descriptors(pid) for pid in [server.process.pid, server.manager().pid, *sorted(server.worker_pids())]]

        round_of_changes()
        after_the_first = counts()
        for _ in itertools.repeat(None, 4):
            round_of_changes()
        wait_until(lambda: counts() == after_the_first,
                   f"as many descriptors as after the first round, {after_the_first}, and not {counts()}")
    assert clients.failure is None
