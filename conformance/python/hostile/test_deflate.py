"""Offers that are none, streams that are none, and bombs (RFC 7692)."""

import zlib

import pytest

from example_server import MODE
from hostile.deflating import OFFER, TAIL, deflate, deflated_frame, empty_blocks, negotiate, receive_message
from hostile.fortress import MIB, expect_close, expect_refusal
from hostile.test_frames import MESSAGE_BYTES_MAX
from hostile.test_resources import reset
from raw_client import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close_payload, encode_frame, upgrade_request


@pytest.fixture
def deflating(fortresses):
    return fortresses("echo", "--deflate")


# ---- Offers: §5.1, §7.1.

DECLINED = {
    "an unknown parameter": f"{OFFER}; bogus",
    "an unknown parameter with a value": f"{OFFER}; bogus=15",
    "a value where there is none": f"{OFFER}; server_no_context_takeover=1",
    "a window without its bits": f"{OFFER}; server_max_window_bits",
    "a window of 7 bits": f"{OFFER}; server_max_window_bits=7",
    "a window of 16 bits": f"{OFFER}; server_max_window_bits=16",
    "a window of 0 bits": f"{OFFER}; server_max_window_bits=0",
    "a window of 010 bits": f"{OFFER}; server_max_window_bits=010",
    "a window of +10 bits": f'{OFFER}; server_max_window_bits="+10"',
    "a window of -10 bits": f"{OFFER}; server_max_window_bits=-10",
    "a window of ten bits": f"{OFFER}; server_max_window_bits=ten",
    "a window of 2^64 + 10 bits": f"{OFFER}; server_max_window_bits=18446744073709551626",
    "a client's window of 7 bits": f"{OFFER}; client_max_window_bits=7",
    "a client's window of 16 bits": f"{OFFER}; client_max_window_bits=16",
    "a parameter twice": f"{OFFER}; client_max_window_bits; client_max_window_bits",
    "a parameter twice with two values": f"{OFFER}; server_max_window_bits=10; server_max_window_bits=11",
    "a name in upper case": "PERMESSAGE-DEFLATE; BOGUS",
    "an extension of another name": "x-webkit-deflate-frame",
    "an extension of a longer name": f"{OFFER}-2",
}


@pytest.mark.parametrize("name", DECLINED)
def test_an_invalid_offer_is_declined_and_a_compressed_message_then_is_1002(deflating, name):
    def attack(server):
        client = negotiate(server, DECLINED[name], accepted=False)
        client.send_frame(TEXT, b"plain")
        assert client.receive_frame() == (True, TEXT, b"plain")
        client.send(deflated_frame(deflate(b"compressed")))
        expect_close(client, 1002)

    deflating.endure(attack)


@pytest.mark.parametrize("name", [name for name in DECLINED if "name" not in name])
def test_a_valid_offer_behind_an_invalid_one_is_accepted(deflating, name):
    def attack(server):
        client = negotiate(server, f"{DECLINED[name]}, {OFFER}")
        client.send(deflated_frame(deflate(b"compressed")))
        assert receive_message(client) == b"compressed"

    deflating.endure(attack)


ACCEPTED = {
    "nothing more": OFFER,
    "every parameter": f"{OFFER}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; "
                       "client_max_window_bits=12",
    "a value in quotes": f'{OFFER}; server_max_window_bits="10"',
    "white space everywhere": f"{OFFER} ;\tclient_max_window_bits ; server_max_window_bits = 10",
    "the smallest window": f"{OFFER}; server_max_window_bits=9",
    "a thousand extensions that nobody knows before it": ", ".join(f"x{n}" for n in range(1000)) + f", {OFFER}",
    "itself, a hundred times": ", ".join([OFFER] * 100),
    "empty elements of the list": f",, {OFFER} ,",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_valid_offer_is_accepted(deflating, name):
    offer = ACCEPTED[name]

    def attack(server):
        client = negotiate(server, offer)
        if "client_max_window_bits" not in offer:
            assert "client_max_window_bits" not in client.agreed, "§7.1.2.2: the client has not said that it knows this"
        for side in ("server", "client"):
            wanted = offer.replace('"', "").replace(" = ", "=").partition(f"{side}_max_window_bits=")[2].partition(";")[0]
            if wanted:
                assert 8 <= int(client.agreed.get(f"{side}_max_window_bits", 15)) <= int(wanted)
        text = b"compressed " * 1000
        bits = int(client.agreed.get("client_max_window_bits") or 15)
        client.send(deflated_frame(deflate(text, bits=bits)))
        assert receive_message(client) == text

    deflating.endure(attack)


MALFORMED = {
    "a parameter without a name": f"{OFFER}; =10",
    "a semicolon at the end": f"{OFFER};",
    "only a semicolon": ";",
    "a parameter before a name": "; bogus",
    "an equals sign without a value": f"{OFFER}; server_max_window_bits=",
    # What stands in quotes has to be a token, too.
    "quotes around nothing": f'{OFFER}; client_max_window_bits=""',
    "quotes that do not end": f'{OFFER}; server_max_window_bits="10',
    "quotes around no token": f'{OFFER}; server_max_window_bits="1 0"',
    "a name with a slash": "permessage/deflate",
    "two names": f"{OFFER} {OFFER}",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_list_of_extensions_is_400(deflating, name):
    """RFC 6455 §9.1: data that does not conform to the grammar fails the connection at once."""

    def attack(server):
        client = server.connect(upgrade=False)
        client.send(upgrade_request(headers=[("Sec-WebSocket-Extensions", MALFORMED[name])]))
        expect_refusal(client, 400)

    deflating.endure(attack)


# ---- Frames: §6, §7.2.

HELLO = deflate(b"Hello")

VIOLATIONS = {
    "RSV1 on a continuation": encode_frame(TEXT, b"a", fin=False) + deflated_frame(b"b", CONTINUATION),
    "RSV1 on a continuation of a compressed message":
        deflated_frame(HELLO[:3], fin=False) + deflated_frame(HELLO[3:], CONTINUATION),
    "RSV1 on a ping": deflated_frame(HELLO, PING),
    "RSV1 on a pong": deflated_frame(HELLO, PONG),
    "RSV1 on a close frame": deflated_frame(deflate(close_payload(1000)), CLOSE),
    "RSV1 and RSV2": encode_frame(TEXT, HELLO, rsv=0b110),
    "RSV1 and RSV3": encode_frame(TEXT, HELLO, rsv=0b101),
    "RSV2 alone": encode_frame(TEXT, HELLO, rsv=0b010),
    "RSV1 on opcode 3": deflated_frame(HELLO, 3),
    "a compressed message without a mask": deflated_frame(HELLO, masked=False),
    "a compressed message inside a message": deflated_frame(HELLO[:2], fin=False) + deflated_frame(HELLO),
}

BROKEN = {
    "noise": bytes(range(1, 256)),
    "zeros": bytes(100),
    "ones": b"\xff" * 100,
    "text that was not compressed": b"This is no deflate stream at all.",
    "a block of the reserved type": b"\x07",
    "a stored block whose length is not its complement": b"\x00\x05\x00\x00\x00Hello\x00",
    "a stored block longer than the message": b"\x00\xff\xff\x00\x00Hello",
    "codes that are over-subscribed": bytes.fromhex("04c0810800"),
    "a distance beyond the beginning": bytes.fromhex("f2c80200ffff"),
    "a stream broken off in a block": HELLO[:-3],
    "a long stream broken off in a block": deflate(bytes(range(256)) * 100)[:-20],
    "a stream whose tail was not taken off, as half a block follows": HELLO + TAIL,
    "a stream with a header of zlib": zlib.compress(b"Hello")[:-4],
    "a stream with a header of gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + HELLO,
    "text that is no UTF-8": deflate(b"fine so far \xff"),
    "text that ends inside a character": deflate("🙂".encode()[:3]),
    "text with a surrogate": deflate(b"\xed\xa0\x80"),
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_1002(deflating, name):
    def attack(server):
        client = negotiate(server)
        client.send(VIOLATIONS[name])
        expect_close(client, 1002)

    deflating.endure(attack)


@pytest.mark.parametrize("name", BROKEN)
def test_1007(deflating, name):
    def attack(server):
        client = negotiate(server)
        client.send(deflated_frame(BROKEN[name]))
        expect_close(client, 1007)

    deflating.endure(attack)


@pytest.mark.parametrize("name", BROKEN)
def test_1007_in_fragments_of_one_byte(deflating, name):
    def attack(server):
        client = negotiate(server)
        frames = [deflated_frame(b"", fin=False)]
        frames += [encode_frame(CONTINUATION, bytes([byte]), fin=False) for byte in BROKEN[name]]
        try:
            client.send(b"".join(frames) + encode_frame(CONTINUATION))
        except (BrokenPipeError, ConnectionResetError):
            pass
        expect_close(client, 1007)

    deflating.endure(attack)


# The examples of §7.2.3, and what else is legal.
LEGAL = {
    "one block (§7.2.3.1)": ([bytes.fromhex("f248cdc9c90700")], b"Hello"),
    "two fragments (§7.2.3.1)": ([bytes.fromhex("f248cd"), bytes.fromhex("c9c90700")], b"Hello"),
    "a block that is stored (§7.2.3.3)": ([bytes.fromhex("000500faff48656c6c6f00")], b"Hello"),
    "a block that is the final one (§7.2.3.4)": ([bytes.fromhex("f348cdc9c9070000")], b"Hello"),
    "two blocks (§7.2.3.5)": ([bytes.fromhex("f248050000 00ffffcac9c90700")], b"Hello"),
    "no bytes (§7.2.3.6)": ([b"\x00"], b""),
    "fragments of one byte": ([bytes([byte]) for byte in HELLO], b"Hello"),
    "empty fragments": ([b"", HELLO, b"", b""], b"Hello"),
    "an empty block more": ([HELLO + TAIL + b"\0"], b"Hello"),
    "ten thousand empty blocks": ([(b"\x00\x00\x00\xff\xff" * 10_000) + HELLO], b"Hello"),
    "a message of the limit": ([deflate(bytes(MESSAGE_BYTES_MAX))], bytes(MESSAGE_BYTES_MAX)),
    "a bomb within a message": ([deflate(deflate(bytes(10 * MIB)))], deflate(bytes(10 * MIB))),
}


@pytest.mark.parametrize("name", LEGAL)
def test_legal(deflating, name):
    fragments, message = LEGAL[name]

    def attack(server):
        client = negotiate(server)
        last = len(fragments) - 1
        for number, fragment in enumerate(fragments):
            if number == 0:
                client.send(deflated_frame(fragment, BINARY, fin=last == 0))
            else:
                client.send_frame(CONTINUATION, fragment, fin=number == last)
        assert receive_message(client) == message

    deflating.endure(attack)


def test_a_message_that_refers_to_the_one_before_is_1007_where_that_was_excluded(deflating):
    """§7.1.1.2: both have agreed on no context, so there is nothing to refer to (the example of §7.2.3.2)."""

    def attack(server):
        client = negotiate(server, f"{OFFER}; client_no_context_takeover")
        assert "client_no_context_takeover" in client.agreed
        client.send(deflated_frame(bytes.fromhex("f248cdc9c90700")))
        assert receive_message(client) == b"Hello"
        client.send(deflated_frame(bytes.fromhex("f200110000")))
        expect_close(client, 1007)

    deflating.endure(attack)


# ---- Bombs: the limit of a message holds for what comes out.

def bomb(size, letter=b"\0"):
    """As few bytes as deflate can say so many equal letters in: a thousandth."""
    def blocks(count, flush):
        compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
        return compressor.compress(letter * count) + compressor.flush(flush)
    # After a full flush nothing refers to what was before: one MiB is said like another.
    return blocks(MIB, zlib.Z_FULL_FLUSH) * (size // MIB) + blocks(size % MIB, zlib.Z_SYNC_FLUSH)[:-4]


BOMBS = {
    "one byte more than the limit": bomb(MESSAGE_BYTES_MAX + 1),
    "10 MiB in 10 KB": bomb(10 * MIB),
    "1 GiB in 1 MB": bomb(1024 * MIB),
    "text of 100 MiB": bomb(100 * MIB, b"a"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_1009_for_a_bomb(deflating, name):
    def attack(server):
        client = negotiate(server)
        try:
            client.send(deflated_frame(BOMBS[name], TEXT if "text" in name else BINARY))
        except (BrokenPipeError, ConnectionResetError):
            pass
        expect_close(client, 1009)
        assert server.grown_bytes() < 16 * MIB

    deflating.endure(attack)


@pytest.mark.parametrize("size", [1, 100, 4096], ids="fragments of {} bytes".format)
def test_1009_for_a_bomb_in_fragments(deflating, size):
    def attack(server):
        client = negotiate(server)
        data = BOMBS["10 MiB in 10 KB"]
        frames = [deflated_frame(b"", BINARY, fin=False)]
        frames += [encode_frame(CONTINUATION, data[at:at + size], fin=False) for at in range(0, len(data), size)]
        try:
            client.send(b"".join(frames) + encode_frame(CONTINUATION))
        except (BrokenPipeError, ConnectionResetError):
            pass
        expect_close(client, 1009)

    deflating.endure(attack)


def test_1009_for_twenty_bombs_at_once(deflating):
    def attack(server):
        clients = [negotiate(server) for _ in range(20)]
        for client in clients:
            client.send(deflated_frame(BOMBS["10 MiB in 10 KB"], BINARY))
        for client in clients:
            expect_close(client, 1009)
        assert server.grown_bytes() < 32 * MIB

    deflating.endure(attack)


# Messages that take long to inflate: all but the last byte is there, and the last ones come together.

SLOW = {
    "20 of 2.5 MiB that inflate to nothing": (20, deflated_frame(empty_blocks(MESSAGE_BYTES_MAX * 5 // 4), BINARY), 0),
    "100 of 2 KB that inflate to the limit":
        (100, deflated_frame(deflate(bytes(MESSAGE_BYTES_MAX)), BINARY), MESSAGE_BYTES_MAX),
}


@pytest.mark.parametrize("name", SLOW)
def test_slow_messages_of_many_at_once(fortresses, name):
    """The healthy client beside them is answered as promptly as ever; and they are all answered in the end."""
    count, frame, size = SLOW[name]
    # What is inflated is a message as others are: in Process mode an echo waits while its worker handles 200 MiB of them.
    questions = ("ping",) if MODE == "process" and size else ("echo",)
    deflating = fortresses("echo", "--deflate", questions=questions)

    def attack(server):
        clients = [negotiate(server) for _ in range(count)]
        for client in clients:
            client.send(frame[:-1])
        for client in clients:
            client.send(frame[-1:])
        for client in clients:
            assert receive_message(client) == bytes(size)
        assert server.grown_bytes() < 120 * MIB

    deflating.endure(attack)


def test_a_slow_message_after_the_other_of_a_few(deflating):
    def attack(server):
        clients = [negotiate(server) for _ in range(3)]
        frame = deflated_frame(empty_blocks(MESSAGE_BYTES_MAX * 5 // 4), BINARY)
        for _ in range(3):
            for client in clients:
                client.send(frame)
        for client in clients * 3:
            assert receive_message(client) == b""

    deflating.endure(attack)


@pytest.mark.parametrize("how", ["a reset", "an end", "a close frame"])
def test_leaving_while_a_slow_message_is_inflated(deflating, how):
    def attack(server):
        clients = [negotiate(server) for _ in range(10)]
        for client in clients:
            client.send(deflated_frame(empty_blocks(MESSAGE_BYTES_MAX * 5 // 4), BINARY))
        for client in clients:
            if how == "a reset":
                reset(client)
            elif how == "an end":
                client.close()
            else:
                client.send_frame(CLOSE, close_payload(1000))

    deflating.endure(attack)


def test_a_compressed_size_beyond_the_limit_is_1009_before_it_arrives(deflating):
    def attack(server):
        client = negotiate(server)
        client.send(bytes([0xC0 | BINARY, 0x80 | 127]) + (1 << 40).to_bytes(8, "big") + bytes(4))
        expect_close(client, 1009)

    deflating.endure(attack)


def test_ten_messages_of_the_limit_in_2_kb_each(deflating):
    def attack(server):
        client = negotiate(server)
        client.send(deflated_frame(LEGAL["a message of the limit"][0][0], BINARY) * 10)
        for _ in range(10):
            assert len(receive_message(client)) == MESSAGE_BYTES_MAX
        assert server.grown_bytes() < 32 * MIB

    deflating.endure(attack)


def test_200_clients_with_a_context_each(deflating):
    def attack(server):
        clients = [negotiate(server, f"{OFFER}; client_max_window_bits") for _ in range(200)]
        for client in clients:
            bits = int(client.agreed.get("client_max_window_bits") or 15)
            client.send(deflated_frame(deflate(b"context " * 1000, bits=bits)))
        for client in clients:
            assert receive_message(client) == b"context " * 1000
        assert server.grown_bytes() < 32 * MIB

    deflating.endure(attack)
