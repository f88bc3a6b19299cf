"""Ordinary HTTP beside the WebSocket, as the chat serves it: slow, smuggled, endless."""

import pytest

from deadline import DEADLINE_S
from hostile.fortress import MIB, expect_refusal
from hostile.test_resources import reset
from raw_client import upgrade_request

GET = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture
def chat(fortresses):
    return fortresses("chat")


def after_a_request(server):
    """A kept-alive connection that has served one request already: it is a worker's now."""
    client = server.connect(upgrade=False)
    client.send(GET)
    assert client.receive_http().status == 200
    return client


FIRST = {
    "NUL in a header": (GET[:-2] + b"X: \0\r\n\r\n", 400),
    "a folded header": (GET[:-2] + b"X: a\r\n b\r\n\r\n", 400),
    "a bare LF": (GET.replace(b"\r\n", b"\n"), 400),
    "a head of 1 MiB": (GET[:-2] + b"X: " + b"x" * MIB + b"\r\n\r\n", 431),
    "1,000 headers": (GET[:-2] + b"X: y\r\n" * 1000 + b"\r\n", 431),
    "a target of 1 MiB": (b"GET /" + b"x" * MIB + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a handshake of version 8": (upgrade_request(headers=[("Sec-WebSocket-Version", "8")]), 426),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
}


@pytest.mark.parametrize("name", FIRST)
def test_a_first_request_that_is_refused(chat, name):
    request, status = FIRST[name]

    def attack(server):
        client = server.connect(upgrade=False)
        try:
            client.send(request)
        except (BrokenPipeError, ConnectionResetError):
            pass
        expect_refusal(client, status)

    chat.endure(attack)


LATER = {
    "NUL in a header": (GET[:-2] + b"X: \0\r\n\r\n", {400}),
    "a bare CR in a header": (GET[:-2] + b"X: a\rb\r\n\r\n", {400}),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", {400}),
    "two lengths": (b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", {400}),
    "a length that is no number": (b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0x10\r\n\r\n", {400}),
    "a length of 30 digits": (b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", {400}),
    "a head of 1 MiB": (GET[:-2] + b"X: " + b"x" * MIB + b"\r\n\r\n", {431}),
    "1,000 headers": (GET[:-2] + b"X: y\r\n" * 1000 + b"\r\n", {431}),
    "a handshake of version 8": (upgrade_request(headers=[("Sec-WebSocket-Version", "8")]), {426}),
    "a handshake with two keys":
        (upgrade_request(headers=[("sec-websocket-key", "AQIDBAUGBwgJCgsMDQ4PEA==")]), {400}),
    "a handshake by POST": (upgrade_request(request_line="POST / HTTP/1.1"), {405}),
}


@pytest.mark.parametrize("name", LATER)
def test_a_later_request_that_is_refused(chat, name):
    request, statuses = LATER[name]

    def attack(server):
        client = after_a_request(server)
        try:
            client.send(request)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert client.receive_http().status in statuses

    chat.endure(attack)


def test_a_hundred_requests_in_one_segment_are_answered_in_order(chat):
    def attack(server):
        client = server.connect(upgrade=False)
        client.send(b"".join([GET, GET.replace(b"healthz", b"nowhere")] * 50))
        for number in range(100):
            assert client.receive_http().status == (404 if number % 2 else 200)

    chat.endure(attack)


def test_a_smuggled_request_behind_a_length_and_chunks_is_not_answered(chat):
    """Where both are given the chunks count (RFC 9112 §6.3), and the connection ends: what follows is nobody's request."""

    def attack(server):
        client = after_a_request(server)
        client.send(b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                    b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.receive_http().status in (400, 405)
        rest = b""
        try:
            while data := client.socket.recv(4096):
                rest += data
        except (ConnectionResetError, TimeoutError):
            pass
        assert rest.count(b"HTTP/1.1 ") == 0, rest

    chat.endure(attack)


def test_a_body_of_100_mib_that_nobody_wants_is_not_kept(chat):
    def attack(server):
        client = server.connect(upgrade=False)
        client.send(b"POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n")
        try:
            for _ in range(100):
                client.send(bytes(MIB))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert server.grown_bytes() < 24 * MIB

    chat.endure(attack)


@pytest.mark.parametrize("beginning", [b"", GET[:5], GET[:-2], GET[:-2] + b"X: "], ids=["nothing", "a word", "a head", "half a header"])
def test_200_clients_that_are_slow_with_their_second_request(chat, beginning):
    def attack(server):
        for _ in range(200):
            after_a_request(server).send(beginning)
        after_a_request(server)

    chat.endure(attack)


def test_100_clients_that_do_not_read_the_page(chat):
    def attack(server):
        requests = b"GET /chat.js HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n" * 100
        for _ in range(100):
            server.connect(upgrade=False, receive_buffer_bytes=1).send(requests)
        after_a_request(server)
        assert server.grown_bytes() < 64 * MIB

    chat.endure(attack)


def test_300_clients_that_reset_in_the_middle_of_a_response(chat):
    def attack(server):
        for _ in range(300):
            client = server.connect(upgrade=False)
            client.send(b"GET /chat.js HTTP/1.1\r\nHost: a\r\n\r\n")
            reset(client)

    chat.endure(attack)


def test_a_later_request_may_come_one_byte_at_a_time(chat):
    def attack(server):
        client = after_a_request(server)
        for byte in GET:
            client.send(bytes([byte]))
        assert client.receive_http(DEADLINE_S).status == 200

    chat.endure(attack)
