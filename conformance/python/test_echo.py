"""The `echo` example: every message comes back as it was sent."""

import pytest

from raw_client import BINARY, CONTINUATION, PING, PONG, TEXT, encode_frame

MIB = 1 << 20

TEXTS = ["", "a", "grüße, 你好, 🙂", "null \0 inside", "\ufeff byte order mark", "<b>&amp;</b>", "x" * MIB]
# Around every boundary of the three length encodings (RFC 6455 §5.2), and the default maximum of 2 MiB.
LENGTHS = [0, 1, 125, 126, 127, 65535, 65536, MIB, 2 * MIB]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: f"{text[:12]!a}-{len(text)}")
def test_text_comes_back_as_text(echo, client, text):
    connection = client(echo)
    connection.send(text)
    assert connection.recv(20) == text


@pytest.mark.parametrize("length", LENGTHS)
def test_binary_comes_back_as_binary(echo, client, length):
    message = bytes(range(256)) * (length // 256 + 1)
    connection = client(echo)
    connection.send(message[:length])
    assert connection.recv(20) == message[:length]


def test_a_thousand_messages_come_back_in_order(echo, client):
    connection = client(echo)
    messages = [f"message {n}" if n % 2 else n.to_bytes(4, "big") for n in range(1000)]
    for message in messages:
        connection.send(message)
    assert [connection.recv(20) for _ in messages] == messages


def test_messages_in_one_segment_come_back_each_on_its_own(echo, raw):
    connection = raw(echo)
    connection.send(b"".join(encode_frame(TEXT, b"%d" % n) for n in range(100)))
    for n in range(100):
        assert connection.receive_frame() == (True, TEXT, b"%d" % n)


@pytest.mark.parametrize("fragments", [["a", "b", "c"], ["", "", ""], ["", "middle", ""], ["grü", "ße", ", 你好"]])
def test_a_fragmented_text_comes_back_whole(echo, client, fragments):
    connection = client(echo)
    connection.send(fragments)
    assert connection.recv(20) == "".join(fragments)


def test_a_fragmented_binary_message_comes_back_whole(echo, client):
    fragments = [bytes([n]) * 1000 for n in range(200)]
    connection = client(echo)
    connection.send(fragments)
    assert connection.recv(20) == b"".join(fragments)


def test_a_character_may_be_split_between_fragments(echo, raw):
    text = "你好 🙂".encode()
    connection = raw(echo)
    connection.send_frame(TEXT, text[:1], fin=False)
    for byte in text[1:-1]:
        connection.send_frame(CONTINUATION, bytes([byte]), fin=False)
    connection.send_frame(CONTINUATION, text[-1:])
    assert connection.receive_frame() == (True, TEXT, text)


def test_a_ping_between_fragments_is_answered_at_once(echo, raw):
    connection = raw(echo)
    connection.send_frame(TEXT, b"first ", fin=False)
    connection.send_frame(PING, b"between")
    assert connection.receive_frame() == (True, PONG, b"between")
    connection.send_frame(CONTINUATION, b"second")
    assert connection.receive_frame() == (True, TEXT, b"first second")


@pytest.mark.parametrize("payload", [b"", b"p", b"\x00\xff" * 62, b"x" * 125], ids=len)
def test_a_pong_carries_the_payload_of_its_ping(echo, raw, payload):
    connection = raw(echo)
    connection.send_frame(PING, payload)
    assert connection.receive_frame() == (True, PONG, payload)


def test_a_pong_that_nobody_asked_for_is_ignored(echo, raw):
    connection = raw(echo)
    connection.send_frame(PONG, b"unasked")
    connection.send_frame(TEXT, b"still here")
    assert connection.receive_frame() == (True, TEXT, b"still here")


def test_the_library_measures_a_round_trip_by_ping(echo, client):
    assert client(echo).ping(b"latency").wait(20)


def test_a_frame_may_arrive_one_byte_at_a_time(echo, raw):
    connection = raw(echo)
    for byte in encode_frame(BINARY, b"slowly" * 50):
        connection.send(bytes([byte]))
    assert connection.receive_frame() == (True, BINARY, b"slowly" * 50)
