"""Clients that take their time. They all do it at once, beside each other: the suite has less time than they."""

import threading
import time

import pytest

from deadline import DEADLINE_S
from hostile.fortress import expect_close
from raw_client import TEXT, encode_frame, upgrade_request

# The library's default of `handshake_timeout`, and what a loaded machine may add.
HANDSHAKE_TIMEOUT_S = 10
ADDED_S = 5

REQUEST = upgrade_request()


def until_refused(client, started):
    """408 within the limit, and not before it."""
    response = client.receive_http(HANDSHAKE_TIMEOUT_S + ADDED_S)
    lasted_s = time.monotonic() - started
    assert response.status == 408, response
    assert HANDSHAKE_TIMEOUT_S - 1 <= lasted_s <= HANDSHAKE_TIMEOUT_S + ADDED_S
    client.receive_end()


def says(beginning):
    def attack(server):
        client = server.connect(upgrade=False)
        started = time.monotonic()
        client.send(beginning)
        until_refused(client, started)

    return attack


def drips(beginning, drop, pause_s):
    """More comes again and again, never the end of the head: that does not put the limit off."""

    def attack(server):
        client = server.connect(upgrade=False)
        started = time.monotonic()
        client.send(beginning)
        while time.monotonic() - started < HANDSHAKE_TIMEOUT_S + ADDED_S:
            if not client.is_silent(pause_s):
                break
            client.send(drop)
        until_refused(client, started)

    return attack


def says_nothing(server):
    """Nothing was asked, so nothing is answered; but the connection is not kept."""
    client = server.connect(upgrade=False)
    started = time.monotonic()
    client.receive_end(HANDSHAKE_TIMEOUT_S + ADDED_S)
    assert time.monotonic() - started >= HANDSHAKE_TIMEOUT_S - 1


def is_slow_but_in_time(server):
    client = server.connect(upgrade=False)
    pause_s = (HANDSHAKE_TIMEOUT_S - 4) / len(REQUEST)
    for byte in REQUEST:
        client.send(bytes([byte]))
        time.sleep(pause_s)
    assert client.receive_http().status == 101
    client.send_frame(TEXT, b"at last")
    assert client.receive_frame() == (True, TEXT, b"at last")


def sends_a_slow_frame(server):
    """There is no limit on how long a message may take, and bytes are signs of life."""
    client = server.connect()
    for byte in encode_frame(TEXT, b"slow and steady"):
        client.send(bytes([byte]))
        time.sleep(0.25)
    assert client.receive_data() == (True, TEXT, b"slow and steady")


def sends_slow_nonsense(server):
    client = server.connect()
    client.send(b"\x81")
    time.sleep(3)
    client.send(b"\x01")  # not masked
    expect_close(client, 1002)


CASES = {
    "half a request line": says(b"GET /cha"),
    "a head without its last line": says(REQUEST[:-2]),
    "a head without its last byte": says(REQUEST[:-1]),
    "one byte": says(b"G"),
    "empty lines": says(b"\r\n\r\n"),
    "a byte of a header each 100 ms": drips(REQUEST[:-2] + b"X: ", b"x", 0.1),
    "a byte of the request line each 100 ms": drips(b"GET /", b"x", 0.1),
    "a header each 500 ms": drips(REQUEST[:-2], b"X: y\r\n", 0.5),
    "an empty line each second": drips(b"\r\n", b"\r\n", 1.0),
    "nothing": says_nothing,
    "a whole handshake in six seconds": is_slow_but_in_time,
    "a frame in five seconds": sends_a_slow_frame,
    "a violation in two halves": sends_slow_nonsense,
}


@pytest.fixture(scope="module")
def outcomes(fortresses):
    """By case: the exception that it ended with, or None."""
    found = {}

    def run(name, server):
        try:
            CASES[name](server)
            found[name] = None
        except BaseException as error:  # pylint: disable=broad-except
            found[name] = error

    def attack(server):
        threads = [threading.Thread(target=run, args=(name, server), daemon=True) for name in CASES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(HANDSHAKE_TIMEOUT_S + ADDED_S + DEADLINE_S)

    fortresses("echo").endure(attack)
    return found


@pytest.mark.without_worker
@pytest.mark.parametrize("name", CASES)
def test_a_client_that_sends(outcomes, name):
    error = outcomes.get(name, TimeoutError("the case did not end"))
    if error:
        raise error
