"""Text that is none: closed with 1007 at the byte that tells (RFC 6455 §8.1, RFC 3629 §4)."""

import pytest

from hostile.fortress import expect_close
from raw_client import CONTINUATION, PING, PONG, TEXT, encode_frame

INVALID = {
    "a continuation byte alone": b"\x80",
    "the last continuation byte alone": b"\xbf",
    "three continuation bytes": b"\x80\xbf\x80",
    "the byte C0": b"\xc0",
    "the byte C1": b"\xc1",
    "the byte F5": b"\xf5",
    "the byte F8, of the five-byte form": b"\xf8\x88\x80\x80\x80",
    "the byte FC, of the six-byte form": b"\xfc\x84\x80\x80\x80\x80",
    "the byte FE": b"\xfe",
    "the byte FF": b"\xff",
    "a byte order mark of UTF-16": b"\xff\xfea\0",
    "NUL in two bytes": b"\xc0\x80",
    "a slash in two bytes": b"\xc0\xaf",
    "a slash in three bytes": b"\xe0\x80\xaf",
    "a slash in four bytes": b"\xf0\x80\x80\xaf",
    "U+007F in two bytes": b"\xc1\xbf",
    "U+07FF in three bytes": b"\xe0\x9f\xbf",
    "U+FFFF in four bytes": b"\xf0\x8f\xbf\xbf",
    "the first high surrogate": b"\xed\xa0\x80",
    "the last high surrogate": b"\xed\xaf\xbf",
    "the first low surrogate": b"\xed\xb0\x80",
    "the last low surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates (CESU-8)": b"\xed\xa0\xbd\xed\xb8\x80",
    "U+110000": b"\xf4\x90\x80\x80",
    "U+13FFFF": b"\xf4\xbf\xbf\xbf",
    "U+1FFFFF": b"\xf7\xbf\xbf\xbf",
    "two bytes broken off by a letter": b"\xc3a",
    "three bytes broken off by a letter": b"\xe2\x82a",
    "four bytes broken off by a letter": b"\xf0\x9f\x98a",
    "two bytes broken off by the start of two": b"\xc3\xc3\xa9",
    "a letter of Latin-1": "é".encode("latin-1") + b"t",
}

# What could still become a character, were it not the end.
BROKEN_OFF = {
    "the first byte of two": b"\xc3",
    "the first byte of three": b"\xe2",
    "two bytes of three": b"\xe2\x82",
    "the first byte of four": b"\xf0",
    "two bytes of four": b"\xf0\x9f",
    "three bytes of four": b"\xf0\x9f\x98",
}


@pytest.mark.parametrize("name", INVALID | BROKEN_OFF)
def test_1007(echo_fortress, name):
    payload = (INVALID | BROKEN_OFF)[name]

    def attack(server):
        client = server.connect()
        client.send_frame(TEXT, b"fine so far, " + payload)
        expect_close(client, 1007)

    echo_fortress.endure(attack)


@pytest.mark.parametrize("name", INVALID)
def test_1007_before_the_message_has_ended(echo_fortress, name):
    """The fragment goes on, so whoever waits for its end waits for ever."""

    def attack(server):
        client = server.connect()
        client.send_frame(TEXT, b"fine so far, ", fin=False)
        client.send_frame(CONTINUATION, INVALID[name], fin=False)
        expect_close(client, 1007)

    echo_fortress.endure(attack)


@pytest.mark.parametrize("name", INVALID)
def test_1007_in_fragments_of_one_byte(echo_fortress, name):
    def attack(server):
        client = server.connect()
        client.send_frame(TEXT, fin=False)
        for byte in INVALID[name]:
            try:
                client.send_frame(CONTINUATION, bytes([byte]), fin=False)
            except (BrokenPipeError, ConnectionResetError):
                break
        expect_close(client, 1007)

    echo_fortress.endure(attack)


def test_1007_before_the_frame_has_arrived(echo_fortress):
    def attack(server):
        client = server.connect()
        client.send(bytes([0x80 | TEXT, 0x80 | 126, 0x10, 0]) + bytes(4) + b"fine so far \xff")
        expect_close(client, 1007)

    echo_fortress.endure(attack)


def test_1007_for_a_character_broken_off_at_the_end_of_the_last_fragment(echo_fortress):
    def attack(server):
        client = server.connect()
        client.send_frame(TEXT, "🙂".encode()[:3], fin=False)
        client.send_frame(PING, b"meanwhile")
        client.send_frame(CONTINUATION, b"")
        assert client.receive_frame() == (True, PONG, b"meanwhile")
        expect_close(client, 1007)

    echo_fortress.endure(attack)


def test_1007_for_a_character_whose_second_fragment_is_another_ones(echo_fortress):
    def attack(server):
        client = server.connect()
        client.send_frame(TEXT, b"\xf4", fin=False)
        client.send_frame(CONTINUATION, b"\x90", fin=False)  # F4 80 would be a character
        expect_close(client, 1007)

    echo_fortress.endure(attack)


@pytest.mark.parametrize("character", ["\0", "\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\uffff",
                                       "\U00010000", "\U0001fffe", "\U0010ffff", "\ufeff"],
                         ids=lambda character: f"U+{ord(character):04X}")
def test_every_character_is_legal_wherever_it_is_divided(echo_fortress, character):
    payload = f"a{character}b".encode()

    def attack(server):
        client = server.connect()
        for first in range(len(payload) + 1):
            for second in range(first, len(payload) + 1):
                client.send(encode_frame(TEXT, payload[:first], fin=False)
                            + encode_frame(CONTINUATION, payload[first:second], fin=False)
                            + encode_frame(CONTINUATION, payload[second:]))
                assert client.receive_frame() == (True, TEXT, payload)

    echo_fortress.endure(attack)
