"""Frames that are none, messages that do not fit together, sizes beyond the limit (RFC 6455 §5)."""

import struct

import pytest

from hostile.fortress import MIB, expect_answers, expect_close
from raw_client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_payload, encode_frame

# The library's default of `message_bytes_max`.
MESSAGE_BYTES_MAX = 2 * MIB


def length_in_16_bits(opcode, payload, length=None):
    length = len(payload) if length is None else length
    return struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length) + bytes(4) + payload


def length_in_64_bits(opcode, payload, length=None, fin=True):
    length = len(payload) if length is None else length
    return struct.pack("!BBQ", (0x80 if fin else 0) | opcode, 0x80 | 127, length) + bytes(4) + payload


def begun(opcode=TEXT):
    """A message that goes on."""
    return encode_frame(opcode, b"begun", fin=False)


VIOLATIONS = {
    # Opcodes and bits that no extension has given a meaning: §5.2.
    **{f"opcode {opcode:X}": encode_frame(opcode, b"x") for opcode in [3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF]},
    "opcode 3 without FIN": encode_frame(3, b"x", fin=False),
    "opcode B without a payload": encode_frame(0xB),
    "opcode 7 inside a message": begun() + encode_frame(7, b"x"),
    **{f"reserved bits {rsv:03b}": encode_frame(TEXT, b"x", rsv=rsv) for rsv in range(1, 8)},
    "a reserved bit on a ping": encode_frame(PING, b"x", rsv=0b100),
    "a reserved bit on a close frame": encode_frame(CLOSE, close_payload(1000), rsv=0b001),
    "a reserved bit on a continuation": begun() + encode_frame(CONTINUATION, b"x", rsv=0b010),
    "every bit of the header set": b"\xff" * 14,
    # Masking: §5.1.
    "text without a mask": encode_frame(TEXT, b"x", masked=False),
    "an empty message without a mask": encode_frame(BINARY, masked=False),
    "a ping without a mask": encode_frame(PING, masked=False),
    "a close frame without a mask": encode_frame(CLOSE, close_payload(1000), masked=False),
    "a continuation without a mask": begun() + encode_frame(CONTINUATION, b"x", masked=False),
    "70,000 bytes without a mask": encode_frame(BINARY, bytes(70_000), masked=False),
    # Lengths have one form: §5.2.
    "length 0 in 16 bits": length_in_16_bits(BINARY, b""),
    "length 1 in 16 bits": length_in_16_bits(BINARY, b"x"),
    "length 125 in 16 bits": length_in_16_bits(BINARY, bytes(125)),
    "length 0 in 64 bits": length_in_64_bits(BINARY, b""),
    "length 125 in 64 bits": length_in_64_bits(BINARY, bytes(125)),
    "length 126 in 64 bits": length_in_64_bits(BINARY, bytes(126)),
    "length 65,535 in 64 bits": length_in_64_bits(BINARY, bytes(65_535)),
    "a length with only its top bit set": length_in_64_bits(BINARY, b"", 1 << 63),
    "a length of all bits": length_in_64_bits(BINARY, b"", (1 << 64) - 1),
    "a length with its top bit set, in a message that goes on": length_in_64_bits(BINARY, b"", (1 << 63) + 5, fin=False),
    # Control frames: §5.5.
    "a ping that goes on": encode_frame(PING, b"x", fin=False),
    "a pong that goes on": encode_frame(PONG, b"x", fin=False),
    "a close frame that goes on": encode_frame(CLOSE, close_payload(1000), fin=False),
    "an empty ping that goes on": encode_frame(PING, fin=False),
    "a ping of 126 bytes": encode_frame(PING, bytes(126)),
    "a pong of 126 bytes": encode_frame(PONG, bytes(126)),
    "a close frame of 126 bytes": encode_frame(CLOSE, close_payload(1000, "x" * 124)),
    "a ping of 70,000 bytes": encode_frame(PING, bytes(70_000)),
    "a ping that announces 2^62 bytes": length_in_64_bits(PING, b"", 1 << 62),
    "a ping of 5 bytes in 16 bits": length_in_16_bits(PING, bytes(5)),
    # Fragments: §5.4.
    "a continuation of nothing": encode_frame(CONTINUATION, b"x"),
    "a continuation of nothing that goes on": encode_frame(CONTINUATION, b"x", fin=False),
    "an empty continuation of nothing": encode_frame(CONTINUATION),
    "a continuation behind a pong of nobody's ping": encode_frame(PONG) + encode_frame(CONTINUATION, b"x"),
    "text inside a text": begun() + encode_frame(TEXT, b"x"),
    "text that goes on inside a text": begun() + begun(),
    "a binary message inside a text": begun() + encode_frame(BINARY, b"x"),
    "text inside a binary message": begun(BINARY) + encode_frame(TEXT, b"x"),
    "text behind 100 fragments": begun() + encode_frame(CONTINUATION, b"x", fin=False) * 100 + encode_frame(TEXT, b"x"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_1002(echo_fortress, name):
    def attack(server):
        client = server.connect()
        client.send(VIOLATIONS[name])
        expect_close(client, 1002)

    echo_fortress.endure(attack)


@pytest.mark.parametrize("name", ["opcode 3", "reserved bits 100", "text without a mask", "length 1 in 16 bits",
                                  "a length of all bits", "a ping of 126 bytes", "a continuation of nothing"])
def test_1002_in_segments_of_one_byte(echo_fortress, name):
    def attack(server):
        client = server.connect()
        for byte in VIOLATIONS[name]:
            try:
                client.send(bytes([byte]))
            except (BrokenPipeError, ConnectionResetError):
                break  # refused at the byte that tells
        expect_close(client, 1002)

    echo_fortress.endure(attack)


def test_a_violation_does_not_take_back_the_answers_before_it(echo_fortress):
    def attack(server):
        client = server.connect()
        client.send(b"".join(encode_frame(TEXT, b"%d" % n) for n in range(100)) + encode_frame(7, b"x"))
        for n in range(100):
            assert client.receive_frame() == (True, TEXT, b"%d" % n)
        expect_close(client, 1002)

    echo_fortress.endure(attack)


def test_4_mib_behind_a_violation_are_not_answered(echo_fortress):
    def attack(server):
        client = server.connect()
        try:
            client.send(encode_frame(7, b"x") + encode_frame(TEXT, b"too late") * 300_000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        expect_close(client, 1002)

    echo_fortress.endure(attack)


TOO_BIG = {
    "one byte more than the limit": length_in_64_bits(BINARY, b"", MESSAGE_BYTES_MAX + 1),
    "one byte more than the limit, in text": length_in_64_bits(TEXT, b"", MESSAGE_BYTES_MAX + 1),
    "4 GiB": length_in_64_bits(BINARY, b"", 1 << 32),
    "4 GiB and 5 bytes": length_in_64_bits(BINARY, b"hello", (1 << 32) + 5),
    "2^63 - 1 bytes": length_in_64_bits(BINARY, b"", (1 << 63) - 1),
    "2^63 - 1 bytes in a message that goes on": length_in_64_bits(BINARY, b"", (1 << 63) - 1, fin=False),
    "2^63 - 1 bytes behind a first fragment":
        begun(BINARY) + length_in_64_bits(CONTINUATION, b"", (1 << 63) - 1),
    "the limit behind a first fragment": begun(BINARY) + length_in_64_bits(CONTINUATION, b"", MESSAGE_BYTES_MAX),
}


@pytest.mark.parametrize("name", TOO_BIG)
def test_1009_before_the_payload(echo_fortress, name):
    """The header is all that is sent: the verdict does not wait for what it announces."""

    def attack(server):
        client = server.connect()
        client.send(TOO_BIG[name])
        expect_close(client, 1009)
        assert server.grown_bytes() < 24 * MIB

    echo_fortress.endure(attack)


def test_1009_for_a_message_beyond_the_limit_in_fragments(echo_fortress):
    def attack(server):
        client = server.connect()
        client.send_frame(BINARY, bytes(MIB), fin=False)
        client.send_frame(CONTINUATION, bytes(MIB), fin=False)
        client.send_frame(CONTINUATION, b"x")
        expect_close(client, 1009)

    echo_fortress.endure(attack)


def test_1009_for_a_message_beyond_the_limit_in_fragments_of_one_byte(fortresses):
    def attack(server):
        client = server.connect()
        client.send(begun(BINARY) + encode_frame(CONTINUATION, b"x", fin=False) * 65_532)
        expect_close(client, 1009)

    fortresses("echo", "--max-message", 1 << 16, warm_up_bytes=1 << 16).endure(attack)


def test_100_clients_that_announce_the_limit_and_send_nothing_cost_nothing(echo_fortress):
    def attack(server):
        clients = [server.connect() for _ in range(100)]
        for client in clients:
            client.send(length_in_64_bits(BINARY, b"x", MESSAGE_BYTES_MAX))
        healthy = server.connect()
        healthy.send_frame(TEXT, b"through")
        assert healthy.receive_frame() == (True, TEXT, b"through")
        assert server.grown_bytes() < 4 * MIB

    echo_fortress.endure(attack)


LEGAL = {
    "a text of 126 bytes": (length_in_16_bits(TEXT, b"x" * 126), [(TEXT, b"x" * 126)]),
    "a binary message of 65,536 bytes": (length_in_64_bits(BINARY, bytes(65_536)), [(BINARY, bytes(65_536))]),
    "an empty text": (encode_frame(TEXT), [(TEXT, b"")]),
    "an empty message in three fragments":
        (encode_frame(BINARY, fin=False) + encode_frame(CONTINUATION, fin=False) + encode_frame(CONTINUATION), [(BINARY, b"")]),
    "a ping between two fragments": (begun() + encode_frame(PING, b"!") + encode_frame(CONTINUATION, b" ended"),
                                     [(PONG, b"!"), (TEXT, b"begun ended")]),
    "a ping of 125 bytes": (encode_frame(PING, bytes(125)), [(PONG, bytes(125))]),
    "an empty ping": (encode_frame(PING), [(PONG, b"")]),
    "a pong that nobody asked for": (encode_frame(PONG, b"here I am") + encode_frame(TEXT, b"x"), [(TEXT, b"x")]),
    "a mask of zeros": (length_in_16_bits(BINARY, bytes(200)), [(BINARY, bytes(200))]),
    "text that looks like HTTP": (encode_frame(TEXT, b"GET / HTTP/1.1\r\n\r\n"), [(TEXT, b"GET / HTTP/1.1\r\n\r\n")]),
}


def expect_frames(client, frames):
    expect_answers(client, [frame for frame in frames if frame[0] != PONG], [frame for frame in frames if frame[0] == PONG])


@pytest.mark.parametrize("name", LEGAL)
def test_legal(echo_fortress, name):
    data, answers = LEGAL[name]

    def attack(server):
        client = server.connect()
        client.send(data)
        expect_frames(client, answers)

    echo_fortress.endure(attack)


@pytest.mark.parametrize("name", [name for name in LEGAL if "65,536" not in name])
def test_legal_in_segments_of_one_byte(echo_fortress, name):
    data, answers = LEGAL[name]

    def attack(server):
        client = server.connect()
        for byte in data:
            client.send(bytes([byte]))
        expect_frames(client, answers)

    echo_fortress.endure(attack)


def test_a_conversation_in_two_segments_divided_at_every_byte(echo_fortress):
    conversation = (encode_frame(TEXT, "größe".encode()) + begun() + encode_frame(PING, b"!")
                    + encode_frame(CONTINUATION, b" ended") + length_in_16_bits(BINARY, bytes(130)))
    answers = [(TEXT, "größe".encode()), (PONG, b"!"), (TEXT, b"begun ended"), (BINARY, bytes(130))]

    def attack(server):
        client = server.connect()
        for position in range(len(conversation) + 1):
            client.send(conversation[:position])
            client.send(conversation[position:])
            expect_frames(client, answers)

    echo_fortress.endure(attack)
