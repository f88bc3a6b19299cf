"""Listeners that expect a header of the PROXY protocol, and what comes instead of one.

The connection of whoever sends no such header is ended without an answer: there is nobody to answer to.
"""

import pytest

from raw_client import TEXT, upgrade_request

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 443\r\n"


def v2(command=0x21, family=0x11, addresses=bytes([192, 0, 2, 1, 192, 0, 2, 2, 0x9C, 0x40, 1, 0xBB]), length=None):
    length = len(addresses) if length is None else length
    return SIGNATURE + bytes([command, family]) + length.to_bytes(2, "big") + addresses


@pytest.fixture
def behind_a_proxy(fortresses):
    return fortresses("echo", "--proxy-protocol", "--trusted-proxy", "127.0.0.1", preamble=V1)


REFUSED = {
    "no header": b"",
    "a header of an unknown protocol": b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "a header in lower case": V1.lower(),
    "a header that ends in a bare LF": V1.replace(b"\r\n", b"\n"),
    "a header with two spaces": V1.replace(b" ", b"  ", 1),
    "a header with a port of 65,536": V1.replace(b"40000", b"65536"),
    "a header with a port of 00443": V1.replace(b" 443", b" 00443"),
    "a header with a negative port": V1.replace(b" 443", b" -443"),
    "a header with an address of 256": V1.replace(b"192.0.2.1", b"192.0.2.256"),
    "a header with an address of IPv6 for TCP4": V1.replace(b"192.0.2.1", b"2001:db8::1"),
    "a header with a name for an address": V1.replace(b"192.0.2.1", b"localhost"),
    "a header without ports": b"PROXY TCP4 192.0.2.1 192.0.2.2\r\n",
    "a header with a word more": V1.replace(b"\r\n", b" more\r\n"),
    "a header with a NUL": V1.replace(b"192.0.2.1", b"192.0.2.1\0"),
    "a header of 108 bytes": b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    "a header without an end, 1 MiB long": b"PROXY TCP4 " + b"1" * (1 << 20),
    "a binary header of version 1": v2(command=0x11),
    "a binary header of version 3": v2(command=0x31),
    "a binary header of an unknown command": v2(command=0x22),
    "a binary header of an unknown family": v2(family=0x41),
    "a binary header of an unknown transport": v2(family=0x13),
    "a binary header too short for its addresses": v2(addresses=bytes(11)),
    "a binary header of 65,535 bytes": v2(addresses=bytes(65_535)),
    "a binary header with a wrong signature": v2().replace(b"QUIT", b"QUOT"),
    "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(512),
}


@pytest.mark.parametrize("name", REFUSED)
def test_no_header_no_answer(behind_a_proxy, name):
    def attack(server):
        client = server.connect(upgrade=False)
        try:
            client.send(REFUSED[name] + upgrade_request())
        except (BrokenPipeError, ConnectionResetError):
            pass
        client.receive_end()

    behind_a_proxy.endure(attack)


ACCEPTED = {
    "a header in text": V1,
    "a header in text for IPv6": b"PROXY TCP6 2001:db8::1 2001:db8::2 40000 443\r\n",
    "a header in text of somebody unknown": b"PROXY UNKNOWN\r\n",
    "a header in text of somebody unknown, with more": b"PROXY UNKNOWN ffff::1 whatever 1 2 3\r\n",
    "a binary header": v2(),
    "a binary header of the proxy's own": v2(command=0x20, family=0, addresses=b""),
    "a binary header with fields behind its addresses": v2(addresses=bytes(12) + b"\x04\0\x03abc"),
    "a binary header of no protocol": v2(family=0, addresses=b""),
}


@pytest.mark.parametrize("in_pieces", [False, True], ids=["at once", "in segments of one byte"])
@pytest.mark.parametrize("name", ACCEPTED)
def test_a_header_and_a_handshake(behind_a_proxy, name, in_pieces):
    def attack(server):
        client = server.connect(upgrade=False)
        data = ACCEPTED[name] + upgrade_request()
        for piece in [data[at:at + 1] for at in range(len(data))] if in_pieces else [data]:
            client.send(piece)
        assert client.receive_http().status == 101
        client.send_frame(TEXT, b"behind a proxy")
        assert client.receive_frame() == (True, TEXT, b"behind a proxy")

    behind_a_proxy.endure(attack)


def test_a_second_header_is_no_request(behind_a_proxy):
    def attack(server):
        client = server.connect(upgrade=False)
        client.send(V1 + V1 + upgrade_request())
        assert client.receive_http().status == 400

    behind_a_proxy.endure(attack)
