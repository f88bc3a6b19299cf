"""A message that kills the worker which handles it: its own connection is closed with 1011, and nobody else's."""

import pytest

from conversation import Chatter, hear, say
from deadline import wait_until

INTERNAL_ERROR = 1011
MAX_ATTEMPTS = 2

# How a message ends its worker, and how often the worker may die of it. Where the death comes from another thread, nobody can
# tell at first which of the handlers under way was to blame. One that comes just while somebody else's event is handled tells
# less still, and on a busy machine that happens: until the message is suspected, and then every time that it is tried.
POISONS = {"abort": MAX_ATTEMPTS, "exit": MAX_ATTEMPTS, "thread-abort": (MAX_ATTEMPTS + 1) + 2 * MAX_ATTEMPTS}


def deaths_by(server, poison):
    return sum(line.startswith(f"{poison}, attempt ") for line in server.stderr().splitlines())


@pytest.mark.parametrize("poison", POISONS)
def test_poison_closes_its_own_connection_and_nobody_elses(start_processes, raw, poison):
    server = start_processes("crash", workers=2)
    with Chatter([raw(server) for _ in range(6)]) as others:
        others.go_on("before the poison")
        sick = raw(server)
        say(sick, "before")
        assert hear(sick) == "before"
        server.new_log()
        say(sick, poison)
        say(sick, "never handled")
        assert sick.receive_close() == INTERNAL_ERROR
        server.wait_for_log("attempt|1011")
        server.wait_until_whole()
        others.go_on("after the poison")
    assert others.failure is None
    assert MAX_ATTEMPTS <= deaths_by(server, poison) <= POISONS[poison]


@pytest.mark.parametrize("poison", POISONS)
def test_poison_beside_handlers_that_wait_in_the_same_worker(start_processes, raw, poison):
    """They began before it and are given to the next worker together with it, and none of them is to blame."""
    server = start_processes("crash", workers=1)
    innocent, sick = [raw(server) for _ in range(5)], raw(server)
    for number, connection in enumerate(innocent):
        say(connection, "nap 1000")
        say(connection, f"{number} after it")
    for connection in innocent:
        assert hear(connection) == "napping"
    say(sick, poison)
    assert sick.receive_close() == INTERNAL_ERROR
    for number, connection in enumerate(innocent):
        heard = hear(connection)
        while heard.startswith("napping attempt="):
            heard = hear(connection)
        assert heard.startswith("awake attempt="), heard
        # It had not begun, unless it was what was handled just when another thread ended the worker.
        heard = hear(connection)
        assert heard == f"{number} after it" or poison == "thread-abort" and heard.startswith(f"{number} after it attempt="), heard
    assert MAX_ATTEMPTS <= deaths_by(server, poison) <= POISONS[poison]
    server.wait_until_whole()


@pytest.mark.parametrize("poison", POISONS)
def test_many_poisoned_messages_at_once(start_processes, raw, poison):
    server = start_processes("crash", workers=2)
    healthy, sick = [raw(server) for _ in range(4)], [raw(server) for _ in range(4)]
    for connection in sick:
        say(connection, poison)
    for connection in sick:
        assert connection.receive_close() == INTERNAL_ERROR
    for number, connection in enumerate(healthy):
        say(connection, f"{number} is well")
        assert hear(connection).startswith(f"{number} is well")
    server.wait_until_whole()


def test_a_panic_closes_its_own_connection_and_leaves_its_worker_alive(start_processes, raw):
    server = start_processes("crash", workers=1)
    sick, other = raw(server), raw(server)
    before = server.worker_pids()
    say(other, "nap 1000")
    assert hear(other) == "napping"
    say(sick, "panic")
    assert sick.receive_close() == INTERNAL_ERROR
    assert hear(other) == "awake"
    assert server.worker_pids() == before
    assert deaths_by(server, "panic") == 1


def test_a_poisoned_client_that_comes_again_and_again_is_only_its_own_problem(start_processes, raw):
    server = start_processes("crash", workers=2)
    with Chatter([raw(server) for _ in range(4)]) as others:
        others.go_on("before the poison")
        for _ in range(3):
            sick = raw(server)
            say(sick, "abort")
            assert sick.receive_close() == INTERNAL_ERROR
        others.go_on("after the poison")
    assert others.failure is None
    wait_until(lambda: server.is_whole(), "both workers are back")
