"""permessage-deflate (RFC 7692): what is agreed on holds, and what is wrong is refused, with `zlib` as the other side."""

import random
import zlib

import pytest
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from raw_client import BINARY, CONTINUATION, PING, PONG, TEXT

TAIL = b"\x00\x00\xff\xff"
MIB = 1 << 20
OFFER = "permessage-deflate"


def deflated(message, bits=15):
    """The payload of a compressed message that stands for itself (RFC 7692 §7.2.1)."""
    stream = zlib.compressobj(wbits=-bits)
    return (stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(payload, bits=15):
    return zlib.decompressobj(wbits=-bits).decompress(payload + TAIL)


def bomb(inflated_bytes):
    stream = zlib.compressobj(level=9, wbits=-15)
    zeros = bytes(MIB)
    payload = b"".join(stream.compress(zeros) for _ in range(inflated_bytes // MIB))
    return (payload + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.fixture
def deflating(start):
    return start("echo", "--deflate")


@pytest.fixture
def offering(raw):
    """`offering(server, offer)`: a raw connection, and what the server answered to the offer."""

    def connect(server, offer=OFFER):
        connection = raw(server, headers={"Sec-WebSocket-Extensions": offer})
        return connection, connection.response.headers.get("sec-websocket-extensions")

    return connect


def messages(seed):
    chance = random.Random(seed)
    words = ["one", "two", "grüße", "你好", "🙂", '{"type":"message","text":"', '"}', " "]
    for _ in range(100):
        text = "".join(chance.choice(words) for _ in range(chance.choice([0, 1, 5, 50, 500, 20_000])))
        yield text if chance.random() < 0.6 else text.encode() + chance.randbytes(chance.choice([0, 10, 10_000]))


@pytest.mark.parametrize("parameters", [
    {},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
    {"server_max_window_bits": 9, "client_max_window_bits": 9},
    {"server_max_window_bits": 15, "client_max_window_bits": True},
    {"server_max_window_bits": 12},
])
def test_websockets_and_the_server_understand_each_other(deflating, client, parameters):
    connection = client(deflating, compression=None, extensions=[ClientPerMessageDeflateFactory(**parameters)])
    assert [extension.name for extension in connection.protocol.extensions] == ["permessage-deflate"]
    for message in messages(str(parameters)):
        connection.send(message)
        assert connection.recv(20) == message


def test_fragments_of_a_compressed_message_are_joined(deflating, client):
    connection = client(deflating)
    parts = ["one " * 1000, "", "two " * 1000, "three"]
    connection.send(iter(parts))
    assert connection.recv(20) == "".join(parts)


def test_a_broadcast_reaches_clients_of_every_window_and_none(start, client):
    server = start("broadcast", "--deflate")
    offers = [[ClientPerMessageDeflateFactory(server_max_window_bits=bits)] for bits in (9, 10, 12, 15)]
    clients = [client(server, compression=None, extensions=extensions) for extensions in offers * 2 + [None]]
    for round in range(20):
        message = f"{round} " + "to everybody " * 50 * round
        clients[round % len(clients)].send(message)
        assert [connection.recv(20) for connection in clients] == [message] * len(clients)


@pytest.mark.parametrize("bits", range(8, 16))
def test_the_window_that_a_client_asks_for_is_kept(deflating, offering, bits):
    connection, answer = offering(deflating, f"{OFFER}; server_max_window_bits={bits}")
    assert f"server_max_window_bits={bits}" in answer
    # It repeats itself at distances that are larger than the window, and at some that are not.
    block = random.Random(bits).randbytes(300 << (bits - 8))
    message = block + block[:100] * 3 + block
    connection.send_frame(BINARY, deflated(message), rsv=4)
    # zlib reads a window of 256 bytes with one of 512.
    assert inflated(connection.receive_compressed_frame().payload, max(bits, 9)) == message


@pytest.mark.parametrize("offer, answer", [
    (OFFER, {"server_no_context_takeover", "client_no_context_takeover"}),
    (f"{OFFER}; client_max_window_bits", {"server_no_context_takeover", "client_no_context_takeover"}),
    (f'{OFFER}; unknown, {OFFER}; server_max_window_bits="10"',
     {"server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits=10"}),
    (f"{OFFER}; server_max_window_bits=16", None),
    (f"{OFFER}; client_no_context_takeover; client_no_context_takeover", None),
    ("x-other, x-more; a=b", None),
])
def test_offers_are_answered(deflating, offering, offer, answer):
    connection, answered = offering(deflating, offer)
    if answer is None:
        assert answered is None
    else:
        name, *parameters = [part.strip() for part in answered.split(";")]
        assert name == OFFER and set(parameters) == answer
    connection.send_frame(TEXT, b"still a connection")
    frame = connection.receive_compressed_frame() if answer else connection.receive_frame()
    assert (inflated(frame.payload) if answer else frame.payload) == b"still a connection"


def test_without_the_flag_nothing_is_agreed_on(echo, offering):
    connection, answered = offering(echo)
    assert answered is None
    connection.send_frame(TEXT, deflated(b"hello"), rsv=4)
    assert connection.receive_close() == 1002


@pytest.mark.parametrize("frames, code", [
    ([(PING, b"", True, 4)], 1002),
    ([(TEXT, deflated(b"hello")[:2], False, 4), (CONTINUATION, deflated(b"hello")[2:], True, 4)], 1002),
    ([(TEXT, b"hello", True, 2)], 1002),
    ([(BINARY, b"\xff" * 20, True, 4)], 1007),
    ([(BINARY, deflated(b"hello" * 100)[:-3], True, 4)], 1007),
    ([(TEXT, deflated(b"\xff" * 100), True, 4)], 1007),
    ([(TEXT, deflated("grüße".encode()[:3]), True, 4)], 1007),
    ([(BINARY, b"", True, 4)], 1007),
])
def test_what_is_wrong_ends_in_its_code(deflating, offering, frames, code):
    connection, _ = offering(deflating)
    for opcode, payload, fin, rsv in frames:
        connection.send_frame(opcode, payload, fin=fin, rsv=rsv)
    assert connection.receive_close() == code


def test_a_bomb_is_closed_with_1009_and_takes_no_memory(start, offering):
    server = start("echo", "--deflate", "--max-message", MIB)
    good, _ = offering(server)
    payload = bomb(1000 * MIB)
    assert len(payload) < MIB * 5 // 4
    connection, _ = offering(server)
    connection.send_frame(BINARY, payload, rsv=4)
    assert connection.receive_close() == 1009
    before = server.resident_bytes()
    for _ in range(20):
        connection, _ = offering(server)
        connection.send_frame(BINARY, payload, rsv=4)
        assert connection.receive_close() == 1009
    assert server.resident_bytes() - before < 8 * MIB
    good.send_frame(TEXT, b"\x00", rsv=4)
    assert inflated(good.receive_compressed_frame().payload) == b""


def test_what_has_come_of_bombs_is_not_inflated(start, offering):
    server = start("echo", "--deflate", "--max-message", 64 * MIB)
    payload = bomb(60 * MIB)
    first, _ = offering(server)
    before = server.resident_bytes()
    held = []
    for _ in range(50):
        connection, _ = offering(server)
        connection.send_frame(BINARY, payload, fin=False, rsv=4)
        connection.send_frame(PING, b"?")
        assert connection.receive_frame() == (True, PONG, b"?")
        held.append(connection)
    assert server.resident_bytes() - before < 50 * 4 * len(payload) + 8 * MIB
    first.send_frame(TEXT, b"hello")
    assert inflated(first.receive_compressed_frame().payload) == b"hello"
