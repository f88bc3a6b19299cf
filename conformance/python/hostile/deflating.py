"""permessage-deflate (RFC 7692) from the side of a client that can do everything wrong."""

import zlib

from raw_client import TEXT, encode_frame, upgrade_request

OFFER = "permessage-deflate"
RSV1 = 0b100
TAIL = b"\x00\x00\xff\xff"


def deflate(data, *, bits=15, level=9):
    """A message's payload, without the four bytes that §7.2.1 takes off."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -bits)
    compressed = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert compressed.endswith(TAIL)
    return compressed[:-4]


def deflated_frame(payload, opcode=TEXT, **options):
    """A frame that says that its message is compressed, whatever the payload is."""
    return encode_frame(opcode, payload, rsv=RSV1, **options)


def negotiate(server, offer=OFFER, *, accepted=True):
    """A connection on which the server has accepted the offer (or has declined it)."""
    client = server.connect(upgrade=False)
    client.send(upgrade_request(headers=[("Sec-WebSocket-Extensions", offer)]))
    response = client.receive_http()
    assert response.status == 101, response
    answer = response.headers.get("sec-websocket-extensions", "")
    assert bool(answer) == accepted, f"{offer!r} was answered by {answer!r}"
    client.rsv_allowed = RSV1 if accepted else 0
    client.agreed = parameters(answer)
    return client


def parameters(answer):
    """Of the extension that was accepted, by name; those without a value are None."""
    if not answer:
        return {}
    assert "," not in answer, f"one extension was offered, several are accepted: {answer}"
    name, *rest = [part.strip() for part in answer.split(";")]
    assert name == OFFER, answer
    found = {}
    for part in rest:
        key, _, value = part.partition("=")
        assert key not in found, answer
        found[key] = value.strip('"') or None
    return found


def receive_message(client):
    """The next message, inflated if it is compressed; the server's frames are taken to refer to nothing before them."""
    frame = client.receive_frame()
    assert frame is not None and frame.fin, frame
    if not client.last_rsv & RSV1:
        return frame.payload
    inflater = zlib.decompressobj(-int(client.agreed.get("server_max_window_bits", 15)))
    return inflater.decompress(frame.payload + TAIL)


def empty_blocks(size):
    """A payload of so many bytes that inflates to nothing: of dynamic blocks, each with codes of its own and nothing else."""
    # Two blocks, of 92 bits each: codes for a literal and for the end of the block, which comes at once.
    blocks = bytes.fromhex("04c0810800000000207feb43001c880000000000f2b73e")
    return blocks * ((size - 1) // len(blocks)) + b"\0"
