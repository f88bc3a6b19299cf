"""Where descriptors are short: nobody who is connected notices, newcomers wait or are told so, and it mends itself."""

import os
import resource
import signal

from deadline import wait_until
from example_server import MODE, example_path
from raw_client import TEXT, upgrade_request


def limited(tmp_path, name, descriptors):
    """A program that starts the example with so few descriptors."""
    wrapper = tmp_path / name
    wrapper.write_text(f'#!/bin/sh\nulimit -n {descriptors}\nexec {example_path(name)} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def echoes(connection, text):
    connection.send_frame(TEXT, text)
    frame = connection.receive_data()
    assert frame is not None and frame.payload == text, frame


def knock(raw, server):
    """A connection that asks for an upgrade, and the status that it gets."""
    connection = raw(server, upgrade=False)
    connection.send(upgrade_request())
    return connection, connection.receive_http().status


def test_with_few_descriptors_the_excess_gets_503_and_a_reload_still_works(start, raw, tmp_path):
    server = start("echo", "--reactors", 2, executable=limited(tmp_path, "echo", 220))
    assert "allows fewer connections" in server.stderr()

    inside, status = [], 101
    while status == 101:
        connection, status = knock(raw, server)
        inside.append(connection)
        assert len(inside) < 220
    assert status == 503
    inside.pop()
    assert len(inside) >= 20
    for number, connection in enumerate(inside):
        echoes(connection, b"%d" % number)

    if MODE == "process":
        def generation():
            inside[0].send_frame(TEXT, b"?gen")
            return inside[0].receive_data().payload.split()[0]

        before = generation()
        os.kill(server.process.pid, signal.SIGUSR1)
        wait_until(lambda: generation() != before, "the code has been reloaded although no client could come in")
        for connection in inside:
            echoes(connection, b"after the reload")

    for connection in inside[:5]:
        connection.close()

    def enters():
        connection, status = knock(raw, server)
        return connection if status == 101 else None

    echoes(wait_until(enters, "there is room again"), b"in")


def test_when_all_descriptors_are_used_up_the_listener_waits_and_goes_on_by_itself(start, raw):
    server = start("echo", "--reactors", 1)
    inside = [raw(server) for _ in range(20)]
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = max(int(descriptor) for descriptor in os.listdir(f"/proc/{pid}/fd"))
    # None is free below the highest one either: they are given out from the lowest.
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 1, before[1]))
    try:
        newcomers = [raw(server, upgrade=False) for _ in range(5)]
        for newcomer in newcomers:
            newcomer.send(upgrade_request())
        wait_until(lambda: "no new connections until descriptors" in server.stderr(), "the listener backs off")
        for number in range(100):
            for connection in inside:
                echoes(connection, b"%d" % number)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    for newcomer in newcomers:
        assert newcomer.receive_http().status == 101
        echoes(newcomer, b"in at last")
    assert "accepting new connections again" in server.stderr()
