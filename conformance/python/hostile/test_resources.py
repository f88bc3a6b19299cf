"""Clients that want more than their share: of memory, of descriptors, of the reactor's time."""

import select
import socket
import struct
import time

import pytest

from deadline import DEADLINE_S, wait_until
from hostile.fortress import MIB, expect_close, expect_refusal
from raw_client import (
    BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_payload, encode_frame, server_frame, upgrade_request,
)

# `output_bytes_max` of the library, and what lies beside it: a message of each direction, buffers of both.
OUTPUT_BYTES_MAX = 4 * MIB
ONE_CLIENT_BYTES = OUTPUT_BYTES_MAX + 12 * MIB


def push(client, data, *, limit_bytes, patience_s=1.0):
    """Sends `data` again and again without ever reading, until `limit_bytes` are out or nothing has gone out for a while."""
    client.socket.setblocking(False)
    view, sent, position = memoryview(data), 0, 0
    writable = select.poll()
    writable.register(client.socket, select.POLLOUT)
    while sent < limit_bytes and writable.poll(patience_s * 1000):
        try:
            count = client.socket.send(view[position:])
        except BlockingIOError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            return sent
        sent += count
        position = (position + count) % len(data)
    return sent


def reset(client):
    """Ends the connection by a reset instead of an end of the stream."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def drain(client, count):
    """Takes so many bytes from the stream, whatever they are."""
    client.socket.setblocking(True)
    client.socket.settimeout(DEADLINE_S)
    count -= len(client.buffer)
    client.buffer.clear()
    while count > 0:
        data = client.socket.recv(min(count, 1 << 18))
        assert data, f"the stream ended {count} bytes early"
        count -= len(data)


# ---- Clients that do not read.

UNREAD = {
    "messages of 1 KB": encode_frame(BINARY, bytes(1000)) * 64,
    "messages of 1 MiB": encode_frame(BINARY, bytes(MIB)),
    "messages of 1 byte": encode_frame(BINARY, b"x") * 10_000,
    "empty messages": encode_frame(TEXT) * 10_000,
    "pings of 125 bytes": encode_frame(PING, bytes(125)) * 1000,
    "empty pings": encode_frame(PING) * 10_000,
    "messages and pings in turn": (encode_frame(BINARY, bytes(200)) + encode_frame(PING, b"!")) * 500,
    "fragments with pings between them":
        (encode_frame(BINARY, bytes(200), fin=False) + encode_frame(PING, b"!") + encode_frame(CONTINUATION, bytes(200))) * 300,
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_client_that_sends_and_never_reads(echo_fortress, name):
    def attack(server):
        client = server.connect(receive_buffer_bytes=1)
        push(client, UNREAD[name], limit_bytes=32 * MIB, patience_s=0.3)
        assert server.grown_bytes() < ONE_CLIENT_BYTES

    echo_fortress.endure(attack)


def test_twenty_clients_that_send_and_never_read(echo_fortress):
    def attack(server):
        clients = [server.connect(receive_buffer_bytes=1) for _ in range(20)]
        for client in clients:
            push(client, UNREAD["messages of 1 KB"], limit_bytes=8 * MIB, patience_s=0.05)
        assert server.grown_bytes() < 20 * OUTPUT_BYTES_MAX

    echo_fortress.endure(attack)


def test_a_client_that_never_reads_and_then_closes_is_gone_within_close_timeout(echo_fortress):
    """It has sent a close frame, and neither reads the answer nor ends the stream: 5 s, and what a loaded machine adds."""

    def attack(server):
        client = server.connect(receive_buffer_bytes=1)
        client.send(encode_frame(BINARY, bytes(2 * MIB)) * 2 + encode_frame(CLOSE, close_payload(1000)))
        wait_until(lambda: server.sockets_left() == 0, "the server has closed its socket", 5 + 5)

    echo_fortress.endure(attack)


def test_a_client_that_never_reads_after_a_violation_is_gone_within_close_timeout(echo_fortress):
    def attack(server):
        client = server.connect(receive_buffer_bytes=1)
        client.send(encode_frame(BINARY, bytes(2 * MIB)) * 2 + encode_frame(7))
        wait_until(lambda: server.sockets_left() == 0, "the server has closed its socket", 5 + 5)

    echo_fortress.endure(attack)


def test_a_client_that_says_close_and_stays_is_gone_within_close_timeout(echo_fortress):
    def attack(server):
        client = server.connect()
        client.send_frame(CLOSE, close_payload(1000))
        expect_close(client, 1000, with_reason=False)  # and the end: the server does not wait for the client's
        wait_until(lambda: server.sockets_left() == 0, "the server has closed its socket", 5 + 5)

    echo_fortress.endure(attack)


def test_a_refused_client_that_goes_on_sending_is_gone_within_close_timeout(echo_fortress):
    """It was told 400 and does not stop: what it sends is thrown away, and not for long."""

    def attack(server):
        client = server.connect(upgrade=False)
        client.send(b"\0" * 10)
        started = time.monotonic()
        while time.monotonic() - started < 5 + 5:
            try:
                client.socket.sendall(b"\0" * 1000)
            except (BrokenPipeError, ConnectionResetError):
                break
            time.sleep(0.05)
        else:
            raise AssertionError("the server still takes what it has refused")

    echo_fortress.endure(attack)


# ---- A broadcast to clients that do not read.

def test_a_broadcast_past_ten_clients_that_never_read(fortresses):
    frame = encode_frame(BINARY, bytes(64 << 10))

    def attack(server):
        never = [server.connect(receive_buffer_bytes=1) for _ in range(10)]
        sender = server.connect()
        for _ in range(16 * MIB // (64 << 10)):
            sender.send(frame)
            assert sender.receive_data().payload == bytes(64 << 10)
        # They are given up at the limit, and not before: each holds at most that.
        assert server.grown_bytes() < len(never) * OUTPUT_BYTES_MAX + 24 * MIB
        wait_until(lambda: server.sockets_left() == 1, "those that never read are closed, the sender is not", 5 + 10)

    fortresses("broadcast", questions=("ping",)).endure(attack)


def test_a_broadcast_to_500_clients_of_which_half_leave_meanwhile(fortresses):
    def attack(server):
        clients = [server.connect() for _ in range(500)]
        sender = clients.pop()
        for number in range(50):
            sender.send_frame(BINARY, b"%d" % number)
            for _ in range(5):
                reset(clients.pop())
        for client in clients:
            for number in range(50):
                assert client.receive_data() == (True, BINARY, b"%d" % number)

    fortresses("broadcast", questions=("ping",)).endure(attack)


# ---- Many small things.

def test_a_million_empty_fragments(echo_fortress):
    def attack(server):
        client = server.connect()
        client.send(encode_frame(TEXT, b"a", fin=False))
        fragments = encode_frame(CONTINUATION, fin=False) * 10_000
        for _ in range(100):
            client.send(fragments)
        assert server.grown_bytes() < 8 * MIB
        client.send_frame(CONTINUATION, b"z")
        assert client.receive_frame() == (True, TEXT, b"az")

    echo_fortress.endure(attack)


def test_a_million_empty_fragments_with_a_ping_behind_each_thousand(echo_fortress):
    def attack(server):
        client = server.connect()
        client.send(encode_frame(BINARY, fin=False))
        fragments = encode_frame(CONTINUATION, fin=False) * 1000
        for number in range(1000):
            client.send(fragments + encode_frame(PING, b"%d" % number))
        last = None
        while last != b"999":
            # Of several pings only the newest needs an answer (§5.5.3).
            frame = client.receive_frame()
            assert frame.opcode == PONG and (last is None or int(frame.payload) > int(last)), frame
            last = frame.payload

    echo_fortress.endure(attack)


@pytest.mark.parametrize("size", [0, 1, 7], ids="messages of {} bytes".format)
def test_ten_thousand_messages_in_one_segment(echo_fortress, size):
    payload = b"x" * size

    def attack(server):
        client = server.connect()
        client.send(encode_frame(TEXT, payload) * 10_000)
        drain(client, 10_000 * len(server_frame(TEXT, payload)))

    echo_fortress.endure(attack)


def test_thirty_clients_with_a_thousand_messages_in_one_segment_each(echo_fortress):
    def attack(server):
        clients = [server.connect() for _ in range(30)]
        segment = encode_frame(TEXT, b"x") * 1000
        for client in clients:
            client.send(segment)
        for client in clients:
            drain(client, 1000 * len(server_frame(TEXT, b"x")))

    echo_fortress.endure(attack)


def test_fifty_thousand_pings_that_are_read(echo_fortress):
    def attack(server):
        client = server.connect()
        pings = [encode_frame(PING, b"%05d" % number) for number in range(50_000)]
        client.send(b"".join(pings))
        last = -1
        while last != 49_999:
            frame = client.receive_frame()
            assert frame.opcode == PONG and int(frame.payload) > last, frame
            last = int(frame.payload)

    echo_fortress.endure(attack)


def test_fifty_thousand_pongs_that_nobody_asked_for(echo_fortress):
    def attack(server):
        client = server.connect()
        client.send(encode_frame(PONG, b"here I am") * 50_000 + encode_frame(TEXT, b"x"))
        assert client.receive_frame() == (True, TEXT, b"x")

    echo_fortress.endure(attack)


def test_a_message_of_2_mib_in_segments_of_100_bytes(echo_fortress):
    def attack(server):
        client = server.connect()
        frame = encode_frame(BINARY, bytes(2 * MIB))
        for start in range(0, len(frame), 100):
            client.send(frame[start:start + 100])
        assert client.receive_frame().payload == bytes(2 * MIB)

    echo_fortress.endure(attack)


def test_text_of_2_mib_in_fragments_of_100_bytes(echo_fortress):
    """Each fragment's UTF-8 is checked once, not all of the message again."""
    text = "ä€🙂!".encode() * 10  # 100 bytes

    def attack(server):
        client = server.connect()
        fragments = encode_frame(CONTINUATION, text, fin=False) * (2 * MIB // len(text) - 1)
        client.send(encode_frame(TEXT, text, fin=False) + fragments + encode_frame(CONTINUATION, b"."))
        assert len(client.receive_frame().payload) == 2 * MIB // len(text) * len(text) + 1

    echo_fortress.endure(attack)


def test_thirty_messages_of_2_mib_at_once(echo_fortress):
    def attack(server):
        clients = [server.connect() for _ in range(30)]
        frame = encode_frame(BINARY, bytes(2 * MIB))
        for client in clients:
            client.send(frame)
        for client in clients:
            assert len(client.receive_frame().payload) == 2 * MIB

    echo_fortress.endure(attack)


def test_thirty_messages_that_never_end_hold_what_they_have_sent_and_no_more(echo_fortress):
    def attack(server):
        clients = [server.connect() for _ in range(30)]
        for client in clients:
            client.send(encode_frame(BINARY, bytes(MIB), fin=False))
        # Some of it may lie where the case before has left room.
        wait_until(lambda: server.grown_bytes() > 16 * MIB, "the server holds them")
        # A buffer that grows may be twice what is in it.
        assert server.grown_bytes() < 30 * 2 * MIB + 16 * MIB

    echo_fortress.endure(attack)


# ---- Connections.

REQUEST = upgrade_request()
BEGINNINGS = {
    "at once": b"",
    "after one byte": REQUEST[:1],
    "in the request line": REQUEST[:7],
    "after half a head": REQUEST[:len(REQUEST) // 2],
    "before the last byte of the head": REQUEST[:-1],
    "behind the head": REQUEST,
    "behind the head and a message": REQUEST + encode_frame(TEXT, b"x"),
    "inside a frame": REQUEST + encode_frame(BINARY, bytes(5000))[:2000],
    "behind a wrong head": b"\0nonsense",
    "behind a close frame": REQUEST + encode_frame(CLOSE, close_payload(1000)),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_500_clients_that_connect_and_reset(echo_fortress, name):
    def attack(server):
        for _ in range(500):
            client = server.connect(upgrade=False)
            client.send(BEGINNINGS[name])
            reset(client)

    echo_fortress.endure(attack)


@pytest.mark.parametrize("name", BEGINNINGS)
def test_500_clients_that_all_connect_and_then_all_leave(echo_fortress, name):
    def attack(server):
        clients = [server.connect(upgrade=False) for _ in range(500)]
        for client in clients:
            client.send(BEGINNINGS[name])
        for client in clients:
            client.close()

    echo_fortress.endure(attack)


def test_a_thousand_half_heads_leave_room_for_others(echo_fortress):
    def attack(server):
        for _ in range(1000):
            server.connect(upgrade=False).send(REQUEST[:-2])
        newcomer = server.connect()
        newcomer.send_frame(TEXT, b"in")
        assert newcomer.receive_frame() == (True, TEXT, b"in")
        assert server.grown_bytes() < 24 * MIB

    echo_fortress.endure(attack)


def test_a_thousand_idle_clients(echo_fortress):
    def attack(server):
        clients = [server.connect() for _ in range(1000)]
        assert server.grown_bytes() < 8 * MIB
        for client in clients[::100]:
            client.send_frame(TEXT, b"here")
            assert client.receive_frame() == (True, TEXT, b"here")

    echo_fortress.endure(attack)


def test_a_reconnect_storm(echo_fortress):
    """Ten waves of 100 clients, each of whom connects, says something, and leaves in its own way."""

    def attack(server):
        for _ in range(10):
            clients = [server.connect() for _ in range(100)]
            for client in clients:
                client.send_frame(TEXT, b"again")
            for number, client in enumerate(clients):
                assert client.receive_frame() == (True, TEXT, b"again")
                if number % 3 == 0:
                    reset(client)
                elif number % 3 == 1:
                    client.close()
                else:
                    client.send_frame(CLOSE, close_payload(1001))
                    expect_close(client, 1001, with_reason=False)

    echo_fortress.endure(attack)


def test_a_close_storm(echo_fortress):
    def attack(server):
        clients = [server.connect() for _ in range(500)]
        for client in clients:
            client.send_frame(CLOSE, close_payload(1001))
        for client in clients:
            expect_close(client, 1001, with_reason=False)

    echo_fortress.endure(attack)


def test_a_storm_of_violations(echo_fortress):
    def attack(server):
        clients = [server.connect() for _ in range(500)]
        for client in clients:
            client.send_frame(7)
        for client in clients:
            expect_close(client, 1002)

    echo_fortress.endure(attack)


def test_a_storm_of_refused_handshakes(echo_fortress):
    def attack(server):
        clients = [server.connect(upgrade=False) for _ in range(500)]
        for client in clients:
            client.send(upgrade_request(headers=[("Sec-WebSocket-Version", "8")]))
        for client in clients:
            expect_refusal(client, 426)

    echo_fortress.endure(attack)


# ---- Peers that are gone without a word.

def test_300_peers_that_answer_no_ping_are_closed(fortresses):
    """As after a network that has gone away: they are closed with 1001, and those who do not even take that are cut."""

    def attack(server):
        clients = [server.connect() for _ in range(300)]
        for client in clients:
            frames = []
            while (frame := client.receive_frame()) is not None:
                frames.append(frame)
            assert [frame.opcode for frame in frames[:-1]] == [PING] * (len(frames) - 1), frames
            assert frames[-1].opcode == CLOSE and frames[-1].payload[:2] == struct.pack("!H", 1001), frames
        wait_until(lambda: server.sockets_left() == 0, "the server has closed their sockets, whom they never closed", 5 + 5)

    # Long enough for the messages that warm the server up, which are large.
    flags = ("--ping-interval", 1, "--heartbeat-idle-time", 4, "--heartbeat-check-interval", 0.5)
    fortresses("echo", *flags).endure(attack)
