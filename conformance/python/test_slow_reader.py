"""A client that never reads: it costs the others no time, and the server no more memory than its output limit."""

import statistics
import time

import pytest

from deadline import DEADLINE_S, wait_until
from raw_client import BINARY, CLOSE, RawClient, encode_frame, server_frame
from swarm import Swarm

MIB = 1 << 20
OUTPUT_LIMIT_BYTES = MIB
MESSAGE_BYTES = 64 << 10
# Heartbeats off: what is received is then exactly what was broadcast.
FLAGS = ("--output-limit", OUTPUT_LIMIT_BYTES, "--ping-interval", 0, "--heartbeat-idle-time", 600)
# Receive buffers, allocator and page granularity; far below what an unbounded queue would hold.
SLACK_BYTES = 8 * MIB


class Never:
    """A connection that never reads, with the smallest receive buffer there is."""

    def __init__(self, server):
        self.connection = RawClient(server.address, receive_buffer_bytes=1)

    def bytes_until_the_end(self):
        """Reads at last; the bytes that had been sent to it before the server gave it up."""
        total = 0
        self.connection.socket.settimeout(DEADLINE_S)
        while True:
            try:
                data = self.connection.socket.recv(MIB)
            except ConnectionResetError:
                return total
            if not data:
                return total
            total += len(data)


def storm(sender, receivers, rounds, message_bytes=MESSAGE_BYTES):
    """Broadcasts one message a round, when all have received the one before; the seconds of each round."""
    message = bytes(range(256)) * (message_bytes // 256)
    frame = server_frame(BINARY, message)
    seconds = []
    for _ in range(rounds):
        started = time.monotonic()
        sender.send_frame(BINARY, message)
        receivers.receive_all(frame)
        seconds.append(time.monotonic() - started)
        assert sender.receive_frame().opcode == BINARY
    return seconds


@pytest.mark.parametrize("reactors", [1, 2])
def test_memory_stays_within_the_output_limit(start, raw, measured, reactors):
    server = start("broadcast", "--reactors", reactors, *FLAGS)
    sender = raw(server)
    with Swarm(server.address, 10) as receivers:
        storm(sender, receivers, 20)  # everything that is allocated once is allocated now
        never = Never(server)
        server.reset_peak()
        before = server.resident_bytes()
        rounds = 64 * MIB // MESSAGE_BYTES
        storm(sender, receivers, rounds)
        growth = server.peak_resident_bytes() - before
        measured(f"64 MiB past a client that never reads: the server grew by {growth / MIB:.2f} MiB")
        assert growth <= OUTPUT_LIMIT_BYTES + SLACK_BYTES
        assert never.bytes_until_the_end() < rounds * MESSAGE_BYTES, "the client that never read got everything"


def test_a_thousand_others_are_not_slowed(start, raw, measured):
    server = start("broadcast", *FLAGS)
    sender = raw(server)
    stalled = [Never(server) for _ in range(5)]
    with Swarm(server.address, 10) as few:
        storm(sender, few, 2 * MIB // MESSAGE_BYTES)  # into the kernel's buffers
    with Swarm(server.address, 1000) as receivers:
        storm(sender, receivers, 5, 16 << 10)
        server.reset_peak()
        before = server.resident_bytes()
        beside = storm(sender, receivers, 150, 16 << 10)  # and past the limit, which lies on the way
        growth = server.peak_resident_bytes() - before
        for never in stalled:
            assert never.bytes_until_the_end() < 2 * MIB + 155 * (16 << 10)
            never.connection.close()
        alone = storm(sender, receivers, 50, 16 << 10)
    medians = statistics.median(alone), statistics.median(beside)
    measured(f"a broadcast of 16 KiB to 1,000 clients: {medians[0] * 1e3:.1f} ms alone, {medians[1] * 1e3:.1f} ms "
             f"beside 5 that never read (slowest {max(alone) * 1e3:.1f} and {max(beside) * 1e3:.1f} ms); "
             f"the server grew by {growth / MIB:.2f} MiB")
    # Everyone gets everything (receive_all has compared every byte); the times are of one machine in one minute.
    assert medians[1] <= 3 * medians[0] + 0.050
    assert max(beside) <= 3 * max(alone) + 0.500
    assert growth <= len(stalled) * OUTPUT_LIMIT_BYTES + SLACK_BYTES


def test_the_connection_of_one_that_never_reads_is_given_up(start, raw):
    server = start("broadcast", "--reactors", 1, *FLAGS)
    sender = raw(server)
    sockets = server.open_sockets()
    never = Never(server)
    wait_until(lambda: server.open_sockets() == sockets + 1, "the connection is there")
    message = bytes(MESSAGE_BYTES)

    def given_up():
        sender.send_frame(BINARY, message)
        assert sender.receive_frame().opcode == BINARY
        return server.open_sockets() == sockets

    # Within the time that the server gives the peer to take its close frame.
    wait_until(given_up, "the server has closed the socket of the client that never reads", 60)
    never.connection.close()


def test_one_that_reads_late_but_within_the_limit_misses_nothing(start, raw):
    server = start("broadcast", "--reactors", 1, "--output-limit", 32 * MIB, "--ping-interval", 0)
    sender, late = raw(server), raw(server, receive_buffer_bytes=1 << 16)
    count = 16 * MIB // MESSAGE_BYTES
    for n in range(count):
        sender.send_frame(BINARY, n.to_bytes(4, "big") * (MESSAGE_BYTES // 4))
        assert sender.receive_frame().opcode == BINARY
    for n in range(count):
        frame = late.receive_frame()
        assert frame is not None and frame.opcode != CLOSE, f"cut off after {n} messages"
        assert frame.payload == n.to_bytes(4, "big") * (MESSAGE_BYTES // 4)


def test_a_flood_from_one_client_leaves_the_others_their_turn(start, raw, client, measured):
    """One client sends as fast as it can and never reads its echoes, beside one that plays ping-pong."""
    server = start("echo", "--reactors", 1, *FLAGS)
    player, flood = client(server), raw(server, receive_buffer_bytes=1)
    flood.socket.setblocking(False)
    frames = encode_frame(BINARY, bytes(1000)) * 64
    unsent = b""
    flooded, slowest = 0, 0.0
    server.reset_peak()
    before = server.resident_bytes()
    for _ in range(300):
        unsent = unsent or frames
        try:
            sent = flood.socket.send(unsent)
            unsent = unsent[sent:]
            flooded += sent
        except (BlockingIOError, ConnectionResetError, BrokenPipeError):
            pass  # the server no longer reads from it, or has given it up
        started = time.monotonic()
        player.send("ping")
        assert player.recv(DEADLINE_S) == "ping"
        slowest = max(slowest, time.monotonic() - started)
    growth = server.peak_resident_bytes() - before
    measured(f"{flooded / MIB:.1f} MiB of flood: the slowest round trip beside it took {slowest * 1e3:.1f} ms, "
          f"the server grew by {growth / MIB:.2f} MiB")
    assert growth <= OUTPUT_LIMIT_BYTES + SLACK_BYTES
    assert slowest < 1.0
