"""`kill -9` of workers and of the manager: no connection closes, no message is lost, and what comes twice says so."""

import os
import select
import signal
import sys
import threading

import pytest

from conversation import Chatter, ask, hear, say
from deadline import wait_until
from process_tree import all_pids, descriptors, read_stat, scribble
from storm import Load, harm, kill_storm

SEED = 20240229


def zombies_of(server):
    family = {server.process.pid, *(member.pid for member in server.tree.members())}
    return [pid for pid in all_pids() if (stat := read_stat(pid)) and stat[0] == "Z" and stat[1] in family]


def test_kills_at_random_under_load(start_processes, measured):
    server = start_processes("echo", "--reactors", 2, workers=2)
    with Load(server.addresses[0], connections=500, in_flight=4) as load:
        counts, durations = kill_storm(server, 20, SEED)
        report = load.finish()
    assert not harm(report, repeats_allowed=True), report
    wait_until(lambda: not zombies_of(server), "every process that has ended is waited for")
    measured(f"kill -9 under load, {counts}: {report['traffic']['deliveries']:,} messages over 500 connections, none lost, "
             f"none closed, {report['errors']['duplicated']} repeated, back within {max(durations) * 1e3:.0f} ms, "
             f"longest silence {report['storm']['longest_silence_ms']:.0f} ms")


def test_what_comes_twice_was_being_handled_and_says_so(start_processes):
    """Its handlers answer and then linger, so that a kill catches many that have answered."""
    server = start_processes("crash", "--reactors", 2, workers=2, environment={"CRASH_LINGER_MS": "3"})
    with Load(server.addresses[0], connections=200, in_flight=4) as load:
        kill_storm(server, 10, SEED)
        report = load.finish()
    assert not harm(report, repeats_allowed=True), report
    assert report["storm"]["marked"] > 0, "no kill has caught a handler"
    assert report["errors"]["duplicated"] > 0, "no kill has caught a handler that had answered"
    assert report["storm"]["repeated_unmarked"] == 0


def test_a_worker_killed_inside_its_handlers_loses_nothing(start_processes, raw):
    server = start_processes("crash", workers=2)
    connections = [raw(server) for _ in range(40)]
    for number, connection in enumerate(connections):
        say(connection, "nap 400")
        say(connection, f"{number} waits behind it")
        say(connection, f"{number} waits, too")
    for connection in connections:
        assert hear(connection) == "napping"
    server.kill(*server.workers())
    for number, connection in enumerate(connections):
        assert hear(connection) == "napping attempt=2"
        assert hear(connection) == "awake attempt=2"
        # These had not begun.
        assert hear(connection) == f"{number} waits behind it"
        assert hear(connection) == f"{number} waits, too"
    server.wait_until_whole()


def test_a_worker_killed_while_it_blocks_loses_nothing(start_processes, raw):
    server = start_processes("crash", workers=1)
    connections = [raw(server) for _ in range(10)]
    say(connections[0], "block 1000")
    assert hear(connections[0]) == "napping"
    for number, connection in enumerate(connections):
        say(connection, f"{number} waits")
    server.kill(*server.workers())
    assert hear(connections[0]) == "napping attempt=2"
    assert hear(connections[0]) == "awake attempt=2"
    for number, connection in enumerate(connections):
        assert hear(connection) == f"{number} waits"


@pytest.mark.parametrize("victims", ["one worker", "all workers"])
def test_a_killed_worker_is_replaced_by_one_of_its_generation(start_processes, raw, victims):
    server = start_processes("echo", workers=3)
    server.reload()
    generation = server.generation()
    with Chatter([raw(server) for _ in range(6)]) as clients:
        clients.go_on("before the kill")
        workers = server.workers()
        killed = workers if victims == "all workers" else workers[:1]
        server.kill(*killed)
        assert server.wait_until_whole() == generation
        assert set(server.workers()) & set(workers) == set(workers) - set(killed), "the others are the same as before"
        clients.go_on("after the kill")
    assert clients.failure is None


def test_a_killed_manager_is_replaced_and_its_successor_keeps_the_workers(start_processes, raw):
    server = start_processes("echo", workers=2)
    with Chatter([raw(server) for _ in range(4)]) as clients:
        clients.go_on("before the kill")
        workers, manager = server.workers(), server.manager()
        server.kill(manager)
        generation = server.wait_until_whole()
        assert server.manager().pid != manager.pid
        assert [worker.pid for worker in server.workers()] == [worker.pid for worker in workers], "the workers are adopted"
        clients.go_on("with another manager")

        # The successor does what a manager is for: it replaces workers, and reloads.
        server.kill(*server.workers())
        assert server.wait_until_whole() == generation
        clients.go_on("after the workers were killed")
        server.builds.install(1, server.executable)
        new = server.reload()
        clients.have_all(lambda generations, _: max(generations) == new, "the new code answers everybody")
        assert {server.builds.number(pid) for pid in server.worker_pids()} == {1}
    assert clients.failure is None


@pytest.mark.parametrize("order", [("manager", "workers"), ("workers", "manager")], ids=" then ".join)
def test_manager_and_workers_may_die_together(start_processes, raw, order):
    server = start_processes("echo", workers=2)
    with Chatter([raw(server) for _ in range(4)]) as clients:
        for _ in range(3):
            clients.go_on("before the kill")
            victims = {"manager": [server.manager()], "workers": server.workers()}
            server.kill(*(victim for kind in order for victim in victims[kind]))
            server.wait_until_whole()
        clients.go_on("at the end")
    assert clients.failure is None


@pytest.mark.parametrize("victim", ["the new workers", "the old workers", "the manager", "all but the master"])
def test_a_kill_in_the_middle_of_a_reload(start_processes, raw, victim):
    server = start_processes("crash", workers=2)
    slow = raw(server)
    with Chatter([raw(server) for _ in range(4)]) as clients:
        clients.go_on("before the reload")
        generation = server.generation()
        say(slow, "nap 700")  # keeps one of the old workers draining
        assert hear(slow) == "napping"
        server.builds.install(1, server.executable)
        server.signal(signal.SIGUSR1)
        wait_until(lambda: server.generation() > generation, "new workers have been started")
        old = [worker for worker in server.workers() if worker.generation == generation]
        new = [worker for worker in server.workers() if worker.generation > generation]
        manager = [server.manager()] if server.manager() else []
        server.kill(*{"the new workers": new, "the old workers": old, "the manager": manager,
                      "all but the master": old + new + manager}[victim])
        # The reload may have failed by that, or have succeeded: one generation is left, and it serves.
        left = server.wait_until_whole()
        assert left >= generation
        heard = hear(slow)
        while heard.startswith("napping"):
            heard = hear(slow)
        assert heard.startswith("awake"), heard
        clients.go_on("after the kill")
        assert server.reload() > left
        clients.go_on("after the next reload")
    assert clients.failure is None


def test_a_stopped_worker_holds_up_only_its_own_connections(start_processes, raw):
    server = start_processes("echo", workers=2)
    connections = [raw(server) for _ in range(8)]
    served_by = {connection: ask(connection)[1] for connection in connections}
    stopped = server.workers()[0]
    assert len(set(served_by.values())) == 2, f"all are served by one worker: {served_by.values()}"
    server.tree.kill(stopped, signal.SIGSTOP)
    for connection, pid in served_by.items():
        say(connection, "hello")
        if pid != stopped.pid:
            assert hear(connection) == "hello"
    server.kill(stopped)
    for connection, pid in served_by.items():
        if pid == stopped.pid:
            assert hear(connection) == "hello"


@pytest.mark.parametrize("noise", ["random", "zeros", "ones"])
def test_a_worker_gone_mad_takes_nobody_with_it(start_processes, raw, noise):
    """Whatever it writes into the memory that it shares with the master: the others are served, and it is replaced."""
    server = start_processes("echo", "--reactors", 2, workers=2)
    connections = [raw(server) for _ in range(16)]
    served_by = {connection: ask(connection)[1] for connection in connections}
    mad = server.workers()[0]
    fill = {"random": os.urandom, "zeros": lambda count: b"\0" * count, "ones": lambda count: b"\xff" * count}[noise]
    with Chatter([connection for connection in connections if served_by[connection] != mad.pid]) as others:
        others.go_on("before the madness")
        scribble(mad.pid, fill)
        for connection in connections:
            if served_by[connection] == mad.pid:
                say(connection, "is anybody there?")
        others.go_on("during the madness")
        # Not every noise is noticed; a worker that is believed to be idle for ever is killed by whoever looks after the server.
        server.kill(mad)
        server.wait_until_whole()
        others.go_on("after the madness")
        newcomer = raw(server)
        for text in ("one", "two"):
            say(newcomer, text)
            assert hear(newcomer) == text
    assert others.failure is None
    # They do not answer close frames, and would be waited for.
    for connection in [*connections, newcomer]:
        connection.close()
    server.signal(signal.SIGTERM)
    assert server.wait_for_exit() == 0


@pytest.mark.parametrize("misuse", ["full", "empty"])
def test_a_worker_that_misuses_its_bells_takes_nobody_with_it(start_processes, raw, misuse):
    """It makes every eventfd that it has block, and fills or empties it all the time: the others are served."""
    server = start_processes("echo", "--reactors", 1, workers=2)
    connections = [raw(server) for _ in range(16)]
    served_by = {connection: ask(connection)[1] for connection in connections}
    mad = server.workers()[0]
    bells = list(descriptors(mad.pid, "[eventfd]"))
    assert len(bells) >= 2
    stopped = threading.Event()

    def spoil(bell):
        os.set_blocking(bell, True)
        if misuse == "full":
            # One more ring would not fit.
            fill = ((1 << 64) - 2).to_bytes(8, sys.byteorder)
            threading.Thread(target=os.write, args=(bell, fill), daemon=True).start()
        while misuse == "empty" and not stopped.is_set():
            if select.select([bell], [], [], 0.1)[0]:
                threading.Thread(target=os.read, args=(bell, 8), daemon=True).start()

    with Chatter([connection for connection in connections if served_by[connection] != mad.pid]) as others:
        others.go_on("before the madness")
        spoilers = [threading.Thread(target=spoil, args=(bell,), daemon=True) for bell in bells]
        for spoiler in spoilers:
            spoiler.start()
        for connection in connections:
            if served_by[connection] == mad.pid:
                say(connection, "is anybody there?")
        others.go_on("during the madness")
        server.kill(mad)
        server.wait_until_whole()
        others.go_on("after the madness")
        stopped.set()
        newcomer = raw(server)
        say(newcomer, "one")
        assert hear(newcomer) == "one"
    assert others.failure is None
    for connection in [*connections, newcomer]:
        connection.close()
    server.signal(signal.SIGTERM)
    assert server.wait_for_exit() == 0
