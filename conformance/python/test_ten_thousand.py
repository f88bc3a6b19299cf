"""10,000 idle connections are held, and one broadcast reaches all of them."""

import time

from deadline import wait_until
from example_server import raise_descriptor_limit
from raw_client import TEXT, server_frame
from swarm import Swarm

CONNECTIONS = 10_000


def test_ten_thousand_idle_connections_are_held_and_one_broadcast_reaches_all(start, raw, measured):
    descriptors = raise_descriptor_limit()
    assert descriptors >= CONNECTIONS + 200, (
        f"{descriptors} descriptors are allowed, and each side needs {CONNECTIONS + 200}: "
        f"raise the hard limit (`ulimit -Hn`, /etc/security/limits.conf)"
    )
    server = start("broadcast", "--max-connections", CONNECTIONS + 10, "--ping-interval", 0,
                   "--heartbeat-idle-time", 600)
    before = server.resident_bytes()
    sockets = server.open_sockets()
    started = time.monotonic()
    with Swarm(server.address, CONNECTIONS) as swarm:
        opened_s = time.monotonic() - started
        wait_until(lambda: server.open_sockets() == sockets + CONNECTIONS, "the server holds every connection")
        idle = server.resident_bytes() - before
        sender = raw(server)
        sender.send_frame(TEXT, b"to all of you")
        reached_s = swarm.receive_all(server_frame(TEXT, b"to all of you"))
        assert sender.receive_frame() == (True, TEXT, b"to all of you")
        after = server.resident_bytes() - before
        measured(f"10,000 connections opened in {opened_s:.1f} s, {idle / CONNECTIONS:.0f} bytes resident each; "
              f"one broadcast reached all in {reached_s * 1e3:.0f} ms, {after / CONNECTIONS:.0f} bytes each after it")
        # An idle connection owns no buffer: the state of one is a few hundred bytes.
        assert idle / CONNECTIONS < 4096
        assert after / CONNECTIONS < 8192
    wait_until(lambda: server.open_sockets() == sockets + 1, "the server has closed what the clients closed", 30)
