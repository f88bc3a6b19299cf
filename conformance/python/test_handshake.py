"""The opening handshake (RFC 6455 §4.2) as bytes on a socket, and what is no handshake at all."""

import pytest

from deadline import wait_until
from raw_client import SAMPLE_ACCEPT, TEXT, encode_frame, upgrade_request


@pytest.fixture
def ask(echo, raw):
    """Sends `request` on a connection of its own; its response."""

    def ask_once(request):
        connection = raw(echo, upgrade=False)
        connection.send(request)
        return connection.receive_http()

    return ask_once


def test_the_response_is_that_of_the_rfc(ask):
    response = ask(upgrade_request("/chat?room=1"))
    assert response.status == 101
    assert response.headers["upgrade"].lower() == "websocket"
    assert response.headers["connection"].lower() == "upgrade"
    assert response.headers["sec-websocket-accept"] == SAMPLE_ACCEPT


def test_no_subprotocol_is_invented(ask):
    assert "sec-websocket-protocol" not in ask(upgrade_request()).headers
    offered = upgrade_request(headers=[("Sec-WebSocket-Protocol", "chat, superchat")])
    response = ask(offered)
    assert response.status == 101
    assert "sec-websocket-protocol" not in response.headers


def test_a_client_that_offers_subprotocols_learns_that_none_was_chosen(echo, client):
    assert client(echo, subprotocols=["chat", "superchat"]).subprotocol is None


def test_an_extension_that_the_server_does_not_speak_is_declined(ask):
    response = ask(upgrade_request(headers=[("Sec-WebSocket-Extensions", "x-unheard-of; a=1")]))
    assert response.status == 101
    assert "sec-websocket-extensions" not in response.headers


ACCEPTED_REQUESTS = {
    "Upgrade in another case": upgrade_request(headers=[("Upgrade", "WebSocket")]),
    "a header name in another case": upgrade_request(without=["Upgrade"], headers=[("upgrade", "websocket")]),
    "Firefox's Connection": upgrade_request(headers=[("Connection", "keep-alive, Upgrade")]),
    "an origin and a cookie": upgrade_request(headers=[("Origin", "http://elsewhere.example"), ("Cookie", "a=b")]),
    "a header of 8,000 bytes": upgrade_request(headers=[("X-Long", "x" * 8000)]),
    "a header beyond ASCII": upgrade_request(headers=[("X-Name", "grüße")]),
    "a path and a query": upgrade_request("/a/b%20c?d=e&f=%F0%9F%99%82"),
}


@pytest.mark.parametrize("request_name", ACCEPTED_REQUESTS)
def test_what_browsers_and_proxies_send_is_accepted(ask, request_name):
    assert ask(ACCEPTED_REQUESTS[request_name]).status == 101


def test_a_frame_in_the_segment_of_the_handshake_is_answered(echo, raw):
    connection = raw(echo, upgrade=False)
    connection.send(upgrade_request() + encode_frame(TEXT, b"early"))
    assert connection.receive_http().status == 101
    assert connection.receive_frame() == (True, TEXT, b"early")


def test_a_handshake_may_arrive_one_byte_at_a_time(echo, raw):
    connection = raw(echo, upgrade=False)
    for byte in upgrade_request():
        connection.send(bytes([byte]))
    assert connection.receive_http().status == 101
    connection.send_frame(TEXT, b"patient")
    assert connection.receive_frame() == (True, TEXT, b"patient")


def test_handshake_and_first_frame_may_be_split_anywhere(echo, raw):
    request = upgrade_request() + encode_frame(TEXT, b"early")
    for position in range(1, len(request)):
        connection = raw(echo, upgrade=False)
        connection.send(request[:position])
        connection.send(request[position:])
        assert connection.receive_http().status == 101, position
        assert connection.receive_frame() == (True, TEXT, b"early"), position
        connection.close()


@pytest.mark.parametrize("version", ["12", "8", "0", "14", "130", "x"])
def test_another_version_gets_426_and_is_told_the_right_one(ask, version):
    response = ask(upgrade_request(headers=[("Sec-WebSocket-Version", version)]))
    assert response.status == 426
    assert response.headers["sec-websocket-version"] == "13"


BAD_REQUESTS = {
    "no key": (upgrade_request(without=["Sec-WebSocket-Key"]), {400}),
    "an empty key": (upgrade_request(headers=[("Sec-WebSocket-Key", "")]), {400}),
    "a key of 15 bytes": (upgrade_request(headers=[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j")]), {400}),
    "a key that is not base64": (upgrade_request(headers=[("Sec-WebSocket-Key", "!" * 24)]), {400}),
    "two keys": (upgrade_request(headers=[("sec-websocket-key", "AQIDBAUGBwgJCgsMDQ4PEA==")]), {400}),
    "no host": (upgrade_request(without=["Host"]), {400}),
    "two hosts": (upgrade_request(headers=[("host", "elsewhere.example")]), {400}),
    "no Connection": (upgrade_request(without=["Connection"]), {400}),
    "no Upgrade in Connection": (upgrade_request(headers=[("Connection", "keep-alive")]), {400}),
    "no Upgrade": (upgrade_request(without=["Upgrade"]), {400, 426}),
    "no version": (upgrade_request(without=["Sec-WebSocket-Version"]), {400, 426}),
    "POST": (upgrade_request(request_line="POST / HTTP/1.1"), {400, 405}),
    "HTTP/1.0": (upgrade_request(request_line="GET / HTTP/1.0"), {400, 426, 505}),
    "no request line": (b"\x00\x01\x02\x03 no HTTP at all\r\n\r\n", {400}),
    "a header without a colon": (b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", {400}),
    "a space before a colon": (upgrade_request(headers=[("X ", "1")]), {400}),
    "a control character": (upgrade_request(headers=[("X", "a\x01b")]), {400}),
    "a folded header": (upgrade_request(headers=[("X", "a\r\n b")]), {400}),
    "a head of 20 KiB": (upgrade_request(headers=[("X", "x" * 20480)]), {431}),
    "200 headers": (upgrade_request(headers=[(f"X-{n}", "x") for n in range(200)]), {431}),
}


@pytest.mark.parametrize("request_name", BAD_REQUESTS)
def test_a_wrong_request_gets_its_status_and_the_end_of_the_stream(echo, raw, request_name):
    request, statuses = BAD_REQUESTS[request_name]
    connection = raw(echo, upgrade=False)
    connection.send(request)
    response = connection.receive_http()
    assert response.status in statuses
    assert "close" in response.headers["connection"].lower().split(", ")
    assert int(response.headers["content-length"]) == len(response.body)
    connection.receive_end()


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_ordinary_http_where_none_is_served_is_answered_like_http(ask, method):
    response = ask(f"{method} /index.html HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    assert 400 <= response.status < 500
    assert response.body, "the response says nothing to the person who opened this address in a browser"


def test_the_server_serves_on_after_bad_requests(echo, raw, client):
    for request, _ in BAD_REQUESTS.values():
        raw(echo, upgrade=False).send(request)
    connection = client(echo)
    connection.send("still here")
    assert connection.recv(20) == "still here"


def test_clients_that_leave_during_the_handshake_leave_nothing_behind(start, raw):
    server = start("echo")
    listeners = server.open_sockets()
    request = upgrade_request()
    for length in range(len(request)):
        connection = raw(server, upgrade=False)
        connection.send(request[:length])
        connection.close()
    wait_until(lambda: server.open_sockets() == listeners, "every socket but the listeners is closed")


@pytest.mark.without_worker
def test_a_handshake_that_is_never_finished_gets_408(echo, raw):
    """Within the library's default `handshake_timeout` of 10 s, and what is added by a loaded machine."""
    connection = raw(echo, upgrade=False)
    connection.send(upgrade_request()[:-2])
    assert connection.receive_http(10 + 5).status == 408
    connection.receive_end()
