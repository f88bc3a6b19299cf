"""Opening handshakes that are none (RFC 6455 §4.2.1, RFC 9112), and odd ones that are."""

import pytest

from hostile.fortress import expect_close, expect_refusal
from raw_client import SAMPLE_ACCEPT, SAMPLE_KEY, TEXT, encode_frame, upgrade_request


def with_line(line):
    """A right handshake with one more line of any bytes in its head."""
    return upgrade_request().replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n\r\n")


def with_request_line(line):
    return upgrade_request(request_line=line)


def with_header(name, value):
    return upgrade_request(headers=[(name, value)])


def with_key(key):
    return with_header("Sec-WebSocket-Key", key)


REFUSED = {
    # Versions: §4.4.
    "version 8": (with_header("Sec-WebSocket-Version", "8"), 426),
    "version 12": (with_header("Sec-WebSocket-Version", "12"), 426),
    "version 0": (with_header("Sec-WebSocket-Version", "0"), 426),
    "version 7 (hybi-07)": (with_header("Sec-WebSocket-Version", "7"), 426),
    "version 14": (with_header("Sec-WebSocket-Version", "14"), 426),
    "version 255": (with_header("Sec-WebSocket-Version", "255"), 426),
    "version 013": (with_header("Sec-WebSocket-Version", "013"), 426),
    "version 13.0": (with_header("Sec-WebSocket-Version", "13.0"), 426),
    "version -13": (with_header("Sec-WebSocket-Version", "-13"), 426),
    "version 13 in full-width digits": (with_header("Sec-WebSocket-Version", "１３"), 426),
    "versions 13, 8 in one line": (with_header("Sec-WebSocket-Version", "13, 8"), 426),
    "version 13 twice": (with_line(b"Sec-WebSocket-Version: 13"), 426),
    "an empty version": (with_header("Sec-WebSocket-Version", ""), 426),
    "no version": (upgrade_request(without=["Sec-WebSocket-Version"]), 426),
    # Keys: §4.2.1 item 5.
    "no key": (upgrade_request(without=["Sec-WebSocket-Key"]), 400),
    "two keys": (with_line(b"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA=="), 400),
    "the same key twice": (with_line(f"Sec-WebSocket-Key: {SAMPLE_KEY}".encode()), 400),
    "two keys in one line": (with_key(f"{SAMPLE_KEY}, {SAMPLE_KEY}"), 400),
    "an empty key": (with_key(""), 400),
    "a key of 1 byte": (with_key("AA=="), 400),
    "a key of 15 bytes": (with_key("dGhlIHNhbXBsZSBub25j"), 400),
    "a key of 17 bytes": (with_key("dGhlIHNhbXBsZSBub25jZSE="), 400),
    "a key of 18 bytes": (with_key("dGhlIHNhbXBsZSBub25jZSEh"), 400),
    "a key of 8,000 bytes": (with_key("A" * 8000), 400),
    "a key without its padding": (with_key("dGhlIHNhbXBsZSBub25jZQ"), 400),
    "a key of signs outside base64": (with_key("!" * 22 + "=="), 400),
    "a key in the alphabet for URLs": (with_key("_-_-_-_-_-_-_-_-_-_-_w=="), 400),
    "a key with a space in it": (with_key("dGhlIHNhbXBs ZSBub25jZQ="), 400),
    "a key beyond ASCII": (with_key("é" * 11 + "=="), 400),
    # The request line: RFC 9112 §3.
    "HTTP/1.0": (with_request_line("GET / HTTP/1.0"), 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/2.0 in the words of HTTP/1": (with_request_line("GET / HTTP/2.0"), 505),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "a version in lower case": (with_request_line("GET / http/1.1"), 400),
    "a version of no HTTP": (with_request_line("GET / ICE/1.1"), 400),
    "no version in the request line": (with_request_line("GET /"), 400),
    "two spaces in the request line": (with_request_line("GET  / HTTP/1.1"), 400),
    "a tab in the request line": (with_request_line("GET\t/ HTTP/1.1"), 400),
    "a space at the end of the request line": (with_request_line("GET / HTTP/1.1 "), 400),
    "a space before the method": (with_request_line(" GET / HTTP/1.1"), 400),
    "four words in the request line": (with_request_line("GET / / HTTP/1.1"), 400),
    "POST": (with_request_line("POST / HTTP/1.1"), 405),
    "HEAD": (with_request_line("HEAD / HTTP/1.1"), 405),
    "PUT": (with_request_line("PUT / HTTP/1.1"), 405),
    "DELETE": (with_request_line("DELETE / HTTP/1.1"), 405),
    "OPTIONS": (with_request_line("OPTIONS / HTTP/1.1"), 405),
    "TRACE": (with_request_line("TRACE / HTTP/1.1"), 405),
    "CONNECT": (with_request_line("CONNECT / HTTP/1.1"), 405),
    "get in lower case": (with_request_line("get / HTTP/1.1"), 405),
    "a method that nobody knows": (with_request_line("BREW / HTTP/1.1"), 405),
    "a method that is no token": (with_request_line("G@T / HTTP/1.1"), 400),
    # The target: RFC 9112 §3.2, RFC 3986 §2.1.
    "a target of an asterisk": (with_request_line("GET * HTTP/1.1"), 400),
    "a target of a host and a port": (with_request_line("GET elsewhere.example:80 HTTP/1.1"), 400),
    "a target without its slash": (with_request_line("GET chat HTTP/1.1"), 400),
    "a target with a fragment": (with_request_line("GET /#here HTTP/1.1"), 400),
    "a target that is an ftp URI": (with_request_line("GET ftp://elsewhere.example/ HTTP/1.1"), 400),
    "a target that is a URI without a host": (with_request_line("GET http:///path HTTP/1.1"), 400),
    "a target that ends in a percent sign": (with_request_line("GET /100% HTTP/1.1"), 400),
    "a target with one digit after its percent sign": (with_request_line("GET /a%4 HTTP/1.1"), 400),
    "a target with no digits after its percent sign": (with_request_line("GET /%zz/%%%/%u0041 HTTP/1.1"), 400),
    "a query with no digits after its percent sign": (with_request_line("GET /?a=%-1 HTTP/1.1"), 400),
    "a target with a NUL": (upgrade_request().replace(b"GET / ", b"GET /a\0b "), 400),
    "a target with a byte of no UTF-8": (upgrade_request().replace(b"GET / ", b"GET /\xff\xfe "), 400),
    # The host: RFC 9112 §3.2.
    "no host": (upgrade_request(without=["Host"]), 400),
    "two hosts": (with_line(b"Host: elsewhere.example"), 400),
    "the same host twice": (with_line(b"Host: 127.0.0.1"), 400),
    "two hosts in one line": (with_header("Host", "a.example, b.example"), 400),
    "an empty host": (with_header("Host", ""), 400),
    "a host with a path": (with_header("Host", "a.example/path"), 400),
    "a host with a user": (with_header("Host", "ann@a.example"), 400),
    "a host with a space": (with_header("Host", "a example"), 400),
    # Upgrade and Connection: §4.2.1 items 3 and 4. (Without any of the key, it is ordinary HTTP, which is not served here.)
    "no Upgrade": (upgrade_request(without=["Upgrade"]), 400),
    "an Upgrade to something else": (with_header("Upgrade", "h2c"), 400),
    "an Upgrade to websockets": (with_header("Upgrade", "websockets"), 400),
    "an Upgrade in quotes": (with_header("Upgrade", '"websocket"'), 400),
    "no Connection": (upgrade_request(without=["Connection"]), 400),
    "Connection: keep-alive": (with_header("Connection", "keep-alive"), 400),
    "Connection: close": (with_header("Connection", "close"), 400),
    "Connection: Upgrades": (with_header("Connection", "Upgrades"), 400),
    "Connection: websocket": (with_header("Connection", "websocket"), 400),
    "ordinary HTTP": (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 426),
    # A body: what follows the head are frames.
    "a body with its length": (with_header("Content-Length", "5") + b"hello", 400),
    "a body in chunks": (with_header("Transfer-Encoding", "chunked") + b"5\r\nhello\r\n0\r\n\r\n", 400),
    "a body of a length that is no number": (with_header("Content-Length", "five"), 400),
    "a body of length -1": (with_header("Content-Length", "-1"), 400),
    "a body of length +0": (with_header("Content-Length", "+0"), 400),
    "two different lengths of a body": (upgrade_request(headers=[("Content-Length", "0"), ("content-length", "7")]), 400),
    "a body both in chunks and with its length":
        (upgrade_request(headers=[("Content-Length", "0"), ("Transfer-Encoding", "chunked")]), 400),
    # Lines: RFC 9112 §2.2, §5.
    "a bare LF behind a header": (upgrade_request().replace(b"Host: 127.0.0.1\r\n", b"Host: 127.0.0.1\n"), 400),
    "only bare LFs": (upgrade_request().replace(b"\r\n", b"\n"), 400),
    "a bare CR in a header": (with_line(b"X: a\rb"), 400),
    "a bare CR between two headers": (with_line(b"X: a\rY: b"), 400),
    "a folded header": (with_line(b"X: a\r\n b"), 400),
    "a header folded by a tab": (with_line(b"X: a\r\n\tb"), 400),
    "a first header that is folded": (upgrade_request().replace(b"Host", b" X: a\r\nHost"), 400),
    "a NUL in a header": (with_line(b"X: a\0b"), 400),
    "a NUL in a header's name": (with_line(b"X\0: a"), 400),
    "a NUL before the request": (b"\0" + upgrade_request(), 400),
    "an escape in a header": (with_line(b"X: \x1b[31mred"), 400),
    "a DEL in a header": (with_line(b"X: a\x7fb"), 400),
    "a backspace in a header": (with_line(b"X: a\x08b"), 400),
    "a vertical tab in a header": (with_line(b"X: a\x0bb"), 400),
    "a space before a colon": (with_line(b"X : a"), 400),
    "a tab before a colon": (with_line(b"X\t: a"), 400),
    "a header without a colon": (with_line(b"nonsense"), 400),
    "a header without a name": (with_line(b": a"), 400),
    "a header's name with a space": (with_line(b"X Y: a"), 400),
    "a header's name in quotes": (with_line(b'"X": a'), 400),
    "a header's name beyond ASCII": (with_line("grüße: a".encode()), 400),
    # Floods.
    "101 headers": (upgrade_request(headers=[(f"X-{n}", "x") for n in range(96)]), 431),
    "1,000 headers": (upgrade_request(headers=[(f"X-{n}", "x") for n in range(1000)]), 431),
    "the same header 1,000 times": (with_line(b"\r\n".join([b"X: y"] * 1000)), 431),
    "a header of 16 KiB": (with_line(b"X: " + b"x" * (16 << 10)), 431),
    "a header of 1 MiB": (with_line(b"X: " + b"x" * (1 << 20)), 431),
    "a header's name of 1 MiB": (with_line(b"x" * (1 << 20) + b": y"), 431),
    "headers of 1 MiB in sum": (upgrade_request(headers=[(f"X-{n}", "x" * 10000) for n in range(99)]), 431),
    "a header that never ends": (upgrade_request()[:-4] + b"\r\nX: " + b"x" * (4 << 20), 431),
    "headers that never end": (upgrade_request()[:-4] + b"\r\nX: y" * (1 << 19), 431),
    "a target of 1 MiB": (upgrade_request("/" + "x" * (1 << 20)), 414),
    "a method of 1 MiB": (with_request_line("G" * (1 << 20) + " / HTTP/1.1"), 414),
    "empty lines for 1 MiB": (b"\r\n" * (1 << 19), 414),
    # Lists and names of other fields: §4.1, §9.1, §11.3.4.
    "a subprotocol that is no token": (with_header("Sec-WebSocket-Protocol", "chat room"), 400),
    "an empty subprotocol": (with_header("Sec-WebSocket-Protocol", ""), 400),
    "a subprotocol twice": (with_header("Sec-WebSocket-Protocol", "chat, other, chat"), 400),
    "two origins": (upgrade_request(headers=[("Origin", "http://a.example"), ("origin", "http://b.example")]), 400),
    # Other protocols on this port.
    "TLS": (bytes.fromhex("1603010200010001fc0303") + bytes(range(64)) * 8, 400),
    "SSH": (b"SSH-2.0-OpenSSH_9.9\r\n\r\n", 400),
    "SOCKS 5": (bytes([5, 1, 0]), 400),
    "PROXY, which this listener does not expect": (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + upgrade_request(), 400),
    "2 KiB of noise": (bytes(range(256)) * 8, 400),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(echo_fortress, name):
    request, status = REFUSED[name]

    def attack(server):
        client = server.connect(upgrade=False)
        try:
            client.send(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of a flood was sent
        response = expect_refusal(client, status)
        if status == 426:
            assert response.headers["sec-websocket-version"] == "13"
            assert response.headers["upgrade"].lower() == "websocket"
        if status == 405:
            assert response.headers["allow"] == "GET"

    echo_fortress.endure(attack)


def test_100_headers_are_not_too_many(echo_fortress):
    request = upgrade_request(headers=[(f"X-{n}", "x") for n in range(95)])
    echo_fortress.endure(lambda server: expect_upgrade(server, [request]))


ACCEPTED = {
    "Upgrade: WEBSOCKET": with_header("Upgrade", "WEBSOCKET"),
    "Upgrade: websocket among others": with_header("Upgrade", "h2c, websocket"),
    "two Upgrade fields": with_line(b"Upgrade: h2c"),
    "an Upgrade list with empty elements": with_header("Upgrade", ",, websocket ,"),
    "Connection: upgrade": with_header("Connection", "upgrade"),
    "Connection: keep-alive,UPGRADE": with_header("Connection", "keep-alive,UPGRADE"),
    "two Connection fields": with_line(b"Connection: keep-alive"),
    "header names in upper case": upgrade_request().upper().replace(SAMPLE_KEY.upper().encode(), SAMPLE_KEY.encode()),
    "white space around a key": with_key(f" \t {SAMPLE_KEY} \t "),
    "no white space behind colons": upgrade_request().replace(b": ", b":"),
    "a body of no bytes": with_header("Content-Length", "0"),
    "an absolute target": with_request_line("GET http://127.0.0.1/chat?a=b HTTP/1.1"),
    "an absolute target of another host": with_request_line("GET ws://elsewhere.example HTTP/1.1"),
    "a target of percent signs with digits": with_request_line("GET /%00%ff%e2%82%ac?%0d%0a=%25 HTTP/1.1"),
    "a target with dots": with_request_line("GET /../..//./etc/passwd HTTP/1.1"),
    "a host with a port": with_header("Host", "[::1]:9501"),
    "an empty line before the request": b"\r\n" + upgrade_request(),
    "bytes beyond ASCII in a header": with_line(b"X: \xff\xfe\x80"),
    "an origin of null": with_header("Origin", "null"),
    "a hundred unknown extensions": with_header("Sec-WebSocket-Extensions", ", ".join(f"x-{n}; a=1" for n in range(100))),
    "a thousand subprotocols": with_header("Sec-WebSocket-Protocol", ", ".join(f"p{n}" for n in range(1000))),
}


def expect_upgrade(server, segments):
    """101, and an echo behind it."""
    client = server.connect(upgrade=False)
    for segment in segments:
        client.send(segment)
    response = client.receive_http()
    assert response.status == 101, response
    assert response.headers["sec-websocket-accept"] == SAMPLE_ACCEPT
    client.send_frame(TEXT, b"hello")
    assert client.receive_frame() == (True, TEXT, b"hello")


@pytest.mark.parametrize("name", ACCEPTED)
def test_odd_but_legal(echo_fortress, name):
    echo_fortress.endure(lambda server: expect_upgrade(server, [ACCEPTED[name]]))


def test_a_handshake_in_segments_of_one_byte_is_legal(echo_fortress):
    echo_fortress.endure(lambda server: expect_upgrade(server, [bytes([byte]) for byte in upgrade_request()]))


def test_a_hundred_handshakes_in_segments_of_one_byte_at_once(echo_fortress):
    def attack(server):
        clients = [server.connect(upgrade=False) for _ in range(100)]
        for byte in upgrade_request():
            for client in clients:
                client.send(bytes([byte]))
        assert all(client.receive_http().status == 101 for client in clients)

    echo_fortress.endure(attack)


def test_frames_in_the_segment_of_the_handshake_are_answered(echo_fortress):
    def attack(server):
        client = server.connect(upgrade=False)
        client.send(upgrade_request() + b"".join(encode_frame(TEXT, b"early %d" % n) for n in range(100)))
        assert client.receive_http().status == 101
        for n in range(100):
            assert client.receive_frame() == (True, TEXT, b"early %d" % n)

    echo_fortress.endure(attack)


def test_frames_behind_a_refused_handshake_are_not_answered(echo_fortress):
    def attack(server):
        client = server.connect(upgrade=False)
        client.send(with_key("short") + b"".join(encode_frame(TEXT, b"early") for n in range(100)))
        expect_refusal(client, 400)

    echo_fortress.endure(attack)


def test_a_request_behind_the_handshake_is_no_frame(echo_fortress):
    """`GET ` as a frame has RSV1 set: smuggled requests end in 1002."""

    def attack(server):
        client = server.connect(upgrade=False)
        client.send(upgrade_request() + b"GET /admin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.receive_http().status == 101
        expect_close(client, 1002)

    echo_fortress.endure(attack)


def test_a_second_handshake_behind_the_first_is_no_frame(echo_fortress):
    def attack(server):
        client = server.connect(upgrade=False)
        client.send(upgrade_request() + upgrade_request())
        assert client.receive_http().status == 101
        expect_close(client, 1002)

    echo_fortress.endure(attack)


def test_a_request_behind_a_refused_one_is_not_answered(echo_fortress):
    def attack(server):
        client = server.connect(upgrade=False)
        client.send(with_key("short") + upgrade_request())
        expect_refusal(client, 400)

    echo_fortress.endure(attack)
