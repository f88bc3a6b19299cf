"""SIGTERM and SIGINT: what is queued goes out, everyone is told 1001, the process ends with status 0."""

import socket
import subprocess
import time

import pytest
from websockets.exceptions import ConnectionClosed

from deadline import DEADLINE_S
from example_server import INTERRUPT, TERMINATE, example_path
from raw_client import BINARY, CLOSE, TEXT, close_code, close_payload

GOING_AWAY = 1001
# Above the library's default `shutdown_timeout`.
SHUTDOWN_WITHIN_S = 30


@pytest.mark.parametrize("number", [TERMINATE, INTERRUPT], ids=["SIGTERM", "SIGINT"])
@pytest.mark.parametrize("example", ["echo", "broadcast", "chat"])
def test_a_signal_closes_everyone_with_1001_and_ends_with_status_0(start, client, example, number):
    server = start(example, "--reactors", 2)
    clients = [client(server) for _ in range(10)]
    server.signal(number)
    for connection in clients:
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(DEADLINE_S)
        assert closed.value.rcvd is not None, "closed without a close frame"
        assert closed.value.rcvd.code == GOING_AWAY
    assert server.wait_for_exit() == 0
    # Nothing else went to stdout, all that time.
    assert server.stdout_lines == [f"listening on {server.addresses[0]}"]


def test_without_clients_it_ends_at_once(start):
    server = start("echo")
    started = time.monotonic()
    server.signal(TERMINATE)
    assert server.wait_for_exit() == 0
    assert time.monotonic() - started < 2


def test_a_client_that_never_answers_the_close_frame_delays_the_end_only_for_a_while(start, raw):
    server = start("echo")
    connection = raw(server)
    server.signal(TERMINATE)
    frame = connection.receive_frame()
    assert frame.opcode == CLOSE and close_code(frame.payload) == GOING_AWAY
    assert server.wait_for_exit(SHUTDOWN_WITHIN_S) == 0


def test_half_a_handshake_does_not_delay_the_end(start, raw):
    server = start("echo")
    raw(server, upgrade=False).send(b"GET / HTTP/1.1\r\nHost: ")
    server.signal(TERMINATE)
    assert server.wait_for_exit(SHUTDOWN_WITHIN_S) == 0


def test_what_is_queued_goes_out_before_the_close_frame(start, raw):
    """Far more than the kernel's buffers hold is on its way to a client that reads only after the signal."""
    server = start("broadcast", "--reactors", 1, "--output-limit", 32 << 20, "--ping-interval", 0)
    sender, late = raw(server), raw(server, receive_buffer_bytes=1 << 16)
    count, message_bytes = 256, 64 << 10
    for n in range(count):
        sender.send_frame(BINARY, n.to_bytes(4, "big") * (message_bytes // 4))
        assert sender.receive_frame().opcode == BINARY
    server.signal(TERMINATE)
    for n in range(count):
        frame = late.receive_frame()
        assert frame is not None and frame.opcode == BINARY, f"{n} of {count} messages, then {frame}"
        assert frame.payload == n.to_bytes(4, "big") * (message_bytes // 4)
    assert late.receive_close() == GOING_AWAY
    for connection in (sender, late):
        connection.send_frame(CLOSE, close_payload(GOING_AWAY))
    assert server.wait_for_exit(SHUTDOWN_WITHIN_S) == 0


def test_nobody_is_let_in_after_the_signal(start, raw):
    server = start("echo")
    holds_it_open = raw(server)
    server.signal(TERMINATE)
    assert holds_it_open.receive_close() == GOING_AWAY
    with socket.socket() as latecomer:
        latecomer.settimeout(DEADLINE_S)
        try:
            latecomer.connect(server.address)
            latecomer.sendall(b"GET / HTTP/1.1\r\n\r\n")
            answer = latecomer.recv(100)
        except ConnectionError:
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 503"), answer


def test_the_port_is_free_again_at_once(start, client):
    first = start("echo")
    connection = client(first)
    connection.send("x")
    connection.recv(DEADLINE_S)
    first.signal(TERMINATE)
    assert first.wait_for_exit(SHUTDOWN_WITHIN_S) == 0
    second = start("echo", listen=[first.addresses[0]])
    assert second.addresses == first.addresses
    client(second).send("x")


# The command line, on the way to a server that never starts.

def run(*arguments):
    return subprocess.run([example_path("echo"), *arguments], capture_output=True, text=True, timeout=DEADLINE_S)


def test_a_port_in_use_is_an_error_that_names_the_address(start):
    taken = start("echo").addresses[0]
    result = run("--listen", taken)
    assert result.returncode != 0
    assert result.stdout == ""
    assert taken in result.stderr


@pytest.mark.parametrize("arguments", [
    ["--no-such-flag"],
    ["--max-message", "many"],
    ["--max-message"],
    ["--listen", "nowhere"],
    ["--mode", "sideways"],
], ids=" ".join)
def test_a_wrong_flag_is_an_error_on_stderr(arguments):
    result = run(*arguments)
    assert result.returncode != 0
    assert result.stdout == ""
    assert arguments[0].lstrip("-") in result.stderr or arguments[-1] in result.stderr


def test_base_is_a_mode(start, raw):
    connection = raw(start("echo", "--mode", "base", "--workers", 1))
    connection.send_frame(TEXT, b"x")
    assert connection.receive_frame() == (True, TEXT, b"x")
