"""Close frames that are none, and closing handshakes that are not kept to (RFC 6455 §5.5.1, §7)."""

import socket
import struct

import pytest

from hostile.fortress import expect_answers, expect_close
from raw_client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_payload, encode_frame

INVALID_CODES = [0, 1, 100, 500, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1500, 1999, 2000, 2500, 2999, 5000, 10_000, 32_768, 65_535]

# §7.4 and the registry of IANA.
VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]


@pytest.mark.parametrize("code", INVALID_CODES)
def test_a_code_that_must_not_be_sent_gets_1002(echo_fortress, code):
    def attack(server):
        client = server.connect()
        client.send_frame(CLOSE, close_payload(code, "because"))
        expect_close(client, 1002)

    echo_fortress.endure(attack)


@pytest.mark.parametrize("code", VALID_CODES)
def test_a_code_that_may_be_sent_comes_back(echo_fortress, code):
    def attack(server):
        client = server.connect()
        client.send_frame(CLOSE, close_payload(code, "because"))
        expect_close(client, code, with_reason=False)

    echo_fortress.endure(attack)


WRONG = {
    "a close frame of one byte": (b"\x03", 1002),
    "a reason of a byte that is no UTF-8": (close_payload(1000) + b"\xff", 1007),
    "a reason broken off in a character": (close_payload(1000) + "🙂".encode()[:3], 1007),
    "a reason with a surrogate": (close_payload(1000) + b"\xed\xa0\x80", 1007),
    "a reason with an overlong character": (close_payload(1000) + b"\xc0\xaf", 1007),
    "a wrong code with a wrong reason": (close_payload(1005) + b"\xff", 1002),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_close_frame_gets_its_code(echo_fortress, name):
    payload, code = WRONG[name]

    def attack(server):
        client = server.connect()
        client.send_frame(CLOSE, payload)
        expect_close(client, code)

    echo_fortress.endure(attack)


ANSWERED = {
    "an empty close frame": (encode_frame(CLOSE), [1000, 1005]),
    "the longest reason": (encode_frame(CLOSE, close_payload(1000, "x" * 123)), [1000]),
    "a reason of characters beyond ASCII": (encode_frame(CLOSE, close_payload(4000, "再见 🙂")), [4000]),
    "a close frame with messages behind it":
        (encode_frame(CLOSE, close_payload(1000)) + encode_frame(TEXT, b"too late") * 1000, [1000]),
    "a close frame with pings behind it":
        (encode_frame(CLOSE, close_payload(1000)) + encode_frame(PING, b"too late") * 1000, [1000]),
    "a close frame with nonsense behind it": (encode_frame(CLOSE, close_payload(1000)) + b"\xff" * 1000, [1000]),
    "a close frame with invalid text behind it":
        (encode_frame(CLOSE, close_payload(1000)) + encode_frame(TEXT, b"\xff"), [1000]),
    "two close frames": (encode_frame(CLOSE, close_payload(1000)) + encode_frame(CLOSE, close_payload(1001)), [1000]),
    "a close frame inside a fragmented message":
        (encode_frame(TEXT, b"never ended", fin=False) + encode_frame(CLOSE, close_payload(1001)), [1001]),
    "a close frame inside a fragmented message, and its end behind it":
        (encode_frame(TEXT, b"a", fin=False) + encode_frame(CLOSE, close_payload(1001)) + encode_frame(CONTINUATION, b"b"), [1001]),
    "a close frame inside a character":
        (encode_frame(TEXT, b"\xf0\x9f", fin=False) + encode_frame(CLOSE, close_payload(1001)), [1001]),
}


@pytest.mark.parametrize("name", ANSWERED)
def test_the_first_close_frame_is_the_last_thing_that_is_answered(echo_fortress, name):
    data, codes = ANSWERED[name]

    def attack(server):
        client = server.connect()
        client.send(data)
        frame = client.receive_frame()
        assert frame.opcode == CLOSE, frame
        assert (struct.unpack("!H", frame.payload[:2])[0] if frame.payload else 1005) in codes
        client.receive_end()

    echo_fortress.endure(attack)


def test_what_stands_before_a_close_frame_is_answered(echo_fortress):
    def attack(server):
        client = server.connect()
        client.send(encode_frame(TEXT, b"x") * 1000 + encode_frame(PING, b"last") + encode_frame(CLOSE, close_payload(1000)))
        expect_answers(client, [(TEXT, b"x")] * 1000, [(PONG, b"last")])
        expect_close(client, 1000, with_reason=False)

    echo_fortress.endure(attack)


def test_a_close_frame_behind_a_violation_is_not_answered_again(echo_fortress):
    """Both sides close at the same time: each close frame is sent once."""

    def attack(server):
        client = server.connect()
        client.send(encode_frame(TEXT, b"\xff") + encode_frame(CLOSE, close_payload(1000)))
        expect_close(client, 1007)

    echo_fortress.endure(attack)


def test_a_client_that_leaves_without_a_close_frame_leaves_nothing(echo_fortress):
    def attack(server):
        for _ in range(100):
            client = server.connect()
            client.send_frame(BINARY, bytes(1000), fin=False)
            client.close()

    echo_fortress.endure(attack)


def test_a_client_that_ends_its_half_of_the_stream_is_let_go(echo_fortress):
    """`shutdown(SHUT_WR)`: nothing more can come, so the server has no reason to keep the other half."""
    def attack(server):
        client = server.connect()
        client.send_frame(TEXT, b"last words")
        client.socket.shutdown(socket.SHUT_WR)
        frame = client.receive_frame()
        # Whoever is gone without a close frame has no claim to an answer.
        assert frame in (None, (True, TEXT, b"last words")), frame
        if frame:
            client.receive_end()

    echo_fortress.endure(attack)
