"""The closing handshake, started by either side, and the close code of every violation (RFC 6455 §7)."""

import pytest

from raw_client import (
    BINARY, CLOSE, CONTINUATION, PING, TEXT, close_code, close_payload, encode_frame,
)

PROTOCOL_ERROR, INVALID_DATA = 1002, 1007


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1008, 1011, 3000, 3999, 4000, 4999])
def test_the_clients_close_code_is_echoed(echo, client, code):
    connection = client(echo)
    connection.close(code, "reasons of my own")
    assert connection.protocol.close_rcvd.code == code


def test_an_empty_close_frame_is_answered_without_a_protocol_error(echo, raw):
    connection = raw(echo)
    connection.send_frame(CLOSE)
    assert connection.receive_close() in (1000, 1005)
    connection.receive_end()


def test_the_server_ends_the_stream_after_the_closing_handshake(echo, raw):
    connection = raw(echo)
    connection.send_frame(CLOSE, close_payload(1000, "bye"))
    assert connection.receive_close() == 1000
    connection.receive_end()


def test_what_comes_before_the_close_frame_in_the_same_segment_is_answered(echo, raw):
    connection = raw(echo)
    connection.send(encode_frame(TEXT, b"last words") + encode_frame(CLOSE, close_payload(1000)))
    assert connection.receive_frame() == (True, TEXT, b"last words")
    assert connection.receive_close() == 1000


def test_what_comes_after_the_close_frame_is_not_answered(echo, raw):
    connection = raw(echo)
    connection.send(
        encode_frame(CLOSE, close_payload(1000)) + encode_frame(TEXT, b"too late") + encode_frame(PING, b"too late")
    )
    assert connection.receive_close() == 1000
    connection.receive_end()


VIOLATIONS = {
    "an unmasked frame": (encode_frame(TEXT, b"x", masked=False), PROTOCOL_ERROR),
    "a reserved bit": (encode_frame(TEXT, b"x", rsv=0b100), PROTOCOL_ERROR),
    "a reserved data opcode": (encode_frame(3, b"x"), PROTOCOL_ERROR),
    "a reserved control opcode": (encode_frame(0xB, b"x"), PROTOCOL_ERROR),
    "a fragmented ping": (encode_frame(PING, b"x", fin=False), PROTOCOL_ERROR),
    "a ping of 126 bytes": (encode_frame(PING, b"x" * 126), PROTOCOL_ERROR),
    "a continuation of nothing": (encode_frame(CONTINUATION, b"x"), PROTOCOL_ERROR),
    "a message inside a message": (encode_frame(TEXT, b"x", fin=False) + encode_frame(BINARY, b"y"), PROTOCOL_ERROR),
    "a close frame of one byte": (encode_frame(CLOSE, b"\x03"), PROTOCOL_ERROR),
    "close code 999": (encode_frame(CLOSE, close_payload(999)), PROTOCOL_ERROR),
    "close code 1005": (encode_frame(CLOSE, close_payload(1005)), PROTOCOL_ERROR),
    "close code 1006": (encode_frame(CLOSE, close_payload(1006)), PROTOCOL_ERROR),
    "close code 5000": (encode_frame(CLOSE, close_payload(5000)), PROTOCOL_ERROR),
    "a length with its highest bit set": (bytes([0x82, 0xFF]) + b"\xff" * 8 + bytes(4), PROTOCOL_ERROR),
    "a length encoded longer than needed": (bytes([0x82, 0xFE, 0, 1]) + bytes(5), PROTOCOL_ERROR),
    "text that is not UTF-8": (encode_frame(TEXT, b"\xce\xba\xff"), INVALID_DATA),
    "text that ends inside a character": (encode_frame(TEXT, "🙂".encode()[:3]), INVALID_DATA),
    "a surrogate in UTF-8": (encode_frame(TEXT, b"\xed\xa0\x80"), INVALID_DATA),
    "a close reason that is not UTF-8": (encode_frame(CLOSE, b"\x03\xe8\xff"), INVALID_DATA),
}


@pytest.mark.parametrize("violation", VIOLATIONS)
def test_a_violation_is_answered_by_its_close_code_and_the_end_of_the_stream(echo, raw, violation):
    data, code = VIOLATIONS[violation]
    connection = raw(echo)
    connection.send(data)
    frame = connection.receive_frame()
    assert frame is not None and frame.opcode == CLOSE
    assert close_code(frame.payload) == code
    assert len(frame.payload) > 2, "the close frame gives no reason"
    frame.payload[2:].decode()  # UTF-8, as §5.5.1 demands
    connection.receive_end()


def test_invalid_utf8_fails_before_the_message_is_complete(echo, raw):
    connection = raw(echo)
    connection.send_frame(TEXT, b"fine so far \xff", fin=False)
    assert connection.receive_close() == INVALID_DATA


def test_messages_before_a_violation_are_answered(echo, raw):
    connection = raw(echo)
    connection.send(encode_frame(TEXT, b"good") + encode_frame(7, b"bad"))
    assert connection.receive_frame() == (True, TEXT, b"good")
    assert connection.receive_close() == PROTOCOL_ERROR
