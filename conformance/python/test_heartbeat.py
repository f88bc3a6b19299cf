"""The heartbeat: the dead are closed, the living stay, whoever says nothing but pongs is alive."""

import time

import pytest

from raw_client import CLOSE, PING, PONG, TEXT, close_code

IDLE_TIME_S = 2
FLAGS = ("--ping-interval", 1, "--heartbeat-idle-time", IDLE_TIME_S, "--heartbeat-check-interval", 1)
# Idle time, one check interval, and what a loaded machine may add.
CLOSED_WITHIN_S = IDLE_TIME_S + 1 + 5

# Pings and the clock are the reactor's. (A heartbeat beside workers that block: crates/switchboard/tests/process_mode.)
pytestmark = pytest.mark.without_worker


def test_a_client_that_never_answers_pings_is_closed_with_a_close_frame(start, raw):
    connection = raw(start("echo", *FLAGS))
    started = time.monotonic()
    frames = []
    while (frame := connection.receive_frame(CLOSED_WITHIN_S)) is not None:
        frames.append(frame)
    lasted = time.monotonic() - started
    *pings, last = frames
    assert pings and all(frame.opcode == PING for frame in pings), frames
    assert last.opcode == CLOSE, "closed without a close frame"
    assert close_code(last.payload) in (1001, 1008, 1011, 1002), frames
    assert IDLE_TIME_S - 0.1 <= lasted <= CLOSED_WITHIN_S


def test_a_client_that_only_listens_stays(start, client):
    server = start("echo", *FLAGS)
    listener = client(server)  # the library answers pings, and sends nothing else
    end = time.monotonic() + 3 * IDLE_TIME_S + 1
    while (remaining := end - time.monotonic()) > 0:
        try:
            listener.recv(remaining)
        except TimeoutError:
            pass
    listener.send("awake")
    assert listener.recv(20) == "awake"


def test_any_received_byte_counts_as_a_sign_of_life(start, raw):
    """A frame that takes three times the idle time to arrive, from a client that answers no ping."""
    connection = raw(start("echo", *FLAGS))
    payload = b"crawled"
    frame = bytes([0x80 | TEXT, 0x80 | len(payload)]) + bytes(4) + payload
    for byte in frame:
        pause_end = time.monotonic() + 3 * IDLE_TIME_S / len(frame)
        while (remaining := pause_end - time.monotonic()) > 0:
            try:
                received = connection.receive_frame(remaining)
            except TimeoutError:
                break
            assert received is not None and received.opcode == PING, received
        connection.send(bytes([byte]))
    assert connection.receive_data() == (True, TEXT, payload)


def test_pongs_alone_keep_a_raw_client_open(start, raw):
    connection = raw(start("echo", *FLAGS))
    end = time.monotonic() + 3 * IDLE_TIME_S
    pings = 0
    while time.monotonic() < end:
        frame = connection.receive_frame(CLOSED_WITHIN_S)
        assert frame is not None and frame.opcode == PING, frame
        connection.send_frame(PONG, frame.payload)
        pings += 1
    assert pings >= 3
    connection.send_frame(TEXT, b"awake")
    assert connection.receive_data() == (True, TEXT, b"awake")


def test_ping_interval_0_sends_no_ping_and_the_idle_are_still_closed(start, raw):
    connection = raw(start("echo", "--ping-interval", 0, "--heartbeat-idle-time", 3, "--heartbeat-check-interval", 1))
    frame = connection.receive_frame(3 + 1 + 5)
    assert frame is not None and frame.opcode == CLOSE, frame
    connection.receive_end()


def test_ping_interval_0_leaves_a_client_within_its_idle_time_in_peace(start, raw):
    connection = raw(start("echo", "--ping-interval", 0, "--heartbeat-idle-time", 600))
    assert connection.is_silent(3)
    connection.send_frame(TEXT, b"still here")
    assert connection.receive_frame() == (True, TEXT, b"still here")
