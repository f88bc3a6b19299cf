"""A reload: new code under live connections, none of which notices more than a moment's silence."""

import signal

import pytest

from conversation import Chatter, ask, hear, say
from deadline import DEADLINE_S, wait_until
from storm import Load, harm, reload_storm


def test_reloads_under_load_with_two_builds_in_turn(start_processes, measured):
    server = start_processes("echo", "--reactors", 2, workers=2)
    with Load(server.addresses[0], connections=500, in_flight=4) as load:
        ran, durations = reload_storm(server, 30)
        report = load.finish()
    assert not harm(report, repeats_allowed=False), report["errors"]
    answers = ran.of_answers(report)
    assert answers.get(0) and answers.get(1), f"not both builds have answered: {answers}"
    measured(f"30 reloads under load, {sum(durations) / len(durations) * 1e3:.0f} ms each: "
             f"{report['traffic']['deliveries']:,} messages over 500 connections, none lost, none closed, "
             f"longest silence {report['storm']['longest_silence_ms']:.0f} ms")


@pytest.mark.parametrize("target", ["master", "manager"])
def test_sigusr1_to_either_reloads(start_processes, raw, target):
    server = start_processes("echo", workers=2)
    connection = raw(server)
    generation, pid = ask(connection)
    assert generation == server.wait_until_whole()
    assert pid in server.worker_pids()
    master = server.process.pid
    server.builds.install(1, server.executable)
    if target == "master":
        server.signal(signal.SIGUSR1)
    else:
        server.tree.kill(server.manager(), signal.SIGUSR1)
    assert server.wait_until_whole(above=generation) == generation + 1
    new_generation, new_pid = ask(connection)
    assert new_generation == generation + 1
    assert new_pid in server.worker_pids() and new_pid != pid
    assert {server.builds.number(pid) for pid in server.worker_pids()} == {1}, "the workers execute what is on disk"
    assert server.process.pid == master and server.process.poll() is None
    server.wait_for_log("reload")


def test_a_reload_that_is_asked_for_during_a_reload_runs_after_it(start_processes, raw):
    server = start_processes("echo", workers=2)
    connection = raw(server)
    generation, _ = ask(connection)
    server.signal(signal.SIGUSR1)
    wait_until(lambda: server.generation() > generation, "the first reload has begun")
    server.signal(signal.SIGUSR1)
    assert server.wait_until_whole(above=generation + 1) == generation + 2
    assert ask(connection)[0] == generation + 2


def test_a_slow_handler_keeps_its_connections_order_and_holds_up_nobody_else(start_processes, raw):
    server = start_processes("crash", workers=2)
    slow = [raw(server) for _ in range(4)]
    with Chatter([raw(server) for _ in range(4)]) as others:
        others.go_on("before the reload")
        generation = server.generation()
        for number, connection in enumerate(slow):
            say(connection, "nap 2000")
            for n in range(5):
                say(connection, f"{number}.{n}")
        for connection in slow:
            assert hear(connection) == "napping"
        server.builds.install(1, server.executable)
        server.signal(signal.SIGUSR1)
        others.have_all(lambda generations, _: max(generations) > generation, "the others are served by new code")
        others.go_on("the others after the reload")
        assert all(not connection.buffer and connection.is_silent(0.001) for connection in slow), (
            "the slow handlers ended before the others were served by new code")
        for number, connection in enumerate(slow):
            assert hear(connection) == "awake"
            assert [hear(connection) for _ in range(5)] == [f"{number}.{n}" for n in range(5)]
            # What has been given to the old worker is handled there, or it could overtake; what comes now is not.
            assert ask(connection)[0] == generation + 1
        others.go_on("the others at the end")
    assert server.wait_until_whole(above=generation) == generation + 1


def test_handlers_that_block_lose_nothing_in_a_reload(start_processes, raw):
    server = start_processes("echo", "--block-ms", 100, workers=2)
    connections = [raw(server) for _ in range(10)]
    for n in range(4):
        for connection in connections:
            say(connection, f"message {n}")
    assert hear(connections[0]) == "message 0"
    generation = server.generation()
    server.builds.install(1, server.executable)
    server.signal(signal.SIGUSR1)
    for number, connection in enumerate(connections):
        expected = [f"message {n}" for n in range(4)]
        assert [hear(connection) for _ in expected[number == 0:]] == expected[number == 0:]
    assert server.wait_until_whole(above=generation) == generation + 1
    for connection in connections:
        assert ask(connection)[0] == generation + 1


def test_handlers_that_sleep_lose_nothing_in_a_reload(start_processes, raw):
    server = start_processes("echo", "--sleep-ms", 300, workers=2)
    connections = [raw(server) for _ in range(50)]
    for n in range(4):
        for connection in connections:
            say(connection, f"message {n}")
    generation = server.generation()
    assert hear(connections[0]) == "message 0"
    server.signal(signal.SIGUSR1)
    for number, connection in enumerate(connections):
        expected = [f"message {n}" for n in range(4)]
        assert [hear(connection) for _ in expected[number == 0:]] == expected[number == 0:]
    assert server.wait_until_whole(above=generation) == generation + 1


def test_a_handler_that_outlasts_the_drain_is_cut_off_and_run_again_by_new_code(start_processes, raw):
    server = start_processes("crash", workers=2, environment={"CRASH_DRAIN_TIMEOUT_MS": "300"})
    slow, other = raw(server), raw(server)
    say(slow, "nap 1500")
    say(slow, "after it")
    assert hear(slow) == "napping"
    server.reload()
    assert hear(slow) == "napping attempt=2"
    assert hear(slow) == "awake attempt=2"
    assert hear(slow) == "after it"
    say(other, "still here")
    assert hear(other) == "still here"


def test_a_message_longer_than_a_ring_survives_a_reload(start_processes, raw):
    """It crosses to the worker and back in pieces, while the workers change."""
    server = start_processes("echo", workers=2)
    connections = [raw(server) for _ in range(4)]
    payload = "0123456789abcdef" * (1 << 16)
    for connection in connections:
        for n in range(3):
            say(connection, f"{n} {payload}")
    generation = server.generation()
    server.signal(signal.SIGUSR1)
    for connection in connections:
        assert [hear(connection) for _ in range(3)] == [f"{n} {payload}" for n in range(3)]
    assert server.wait_until_whole(above=generation) == generation + 1


def test_max_requests_replaces_workers_under_load_without_harm(start_processes):
    server = start_processes("echo", "--max-requests", 2000, workers=2)
    before = server.worker_pids()
    seen = set(before)
    with Load(server.addresses[0], connections=200, in_flight=4) as load:
        def replaced():
            seen.update(server.worker_pids())
            return len(seen) >= len(before) + 6
        wait_until(replaced, "six workers have been replaced", 2 * DEADLINE_S)
        report = load.finish()
    assert not harm(report, repeats_allowed=False), report["errors"]
    server.wait_until_whole()
