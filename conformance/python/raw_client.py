"""A WebSocket client that does exactly what a test tells it to: right, wrong, in pieces or not at all."""

import collections
import os
import socket
import struct
import time

from deadline import DEADLINE_S

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

Frame = collections.namedtuple("Frame", "fin opcode payload")
HttpResponse = collections.namedtuple("HttpResponse", "status headers body")

SAMPLE_KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 §1.3
SAMPLE_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def upgrade_request(path="/", *, headers=(), without=(), request_line=None):
    """The bytes of a right opening handshake, with headers added, replaced or left out."""
    fields = {
        "Host": "127.0.0.1",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": SAMPLE_KEY,
        "Sec-WebSocket-Version": "13",
    }
    for name in without:
        del fields[name]
    fields.update(headers)
    head = [request_line or f"GET {path} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in fields.items()]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


def encode_frame(opcode, payload=b"", *, fin=True, rsv=0, masked=True):
    """The bytes of one client frame."""
    length = len(payload)
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask_bit = 0x80 if masked else 0
    if length < 126:
        head = struct.pack("!BB", first, mask_bit | length)
    elif length < 65536:
        head = struct.pack("!BBH", first, mask_bit | 126, length)
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, length)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + apply_mask(payload, key)


def apply_mask(payload, key):
    """RFC 6455 §5.3, a whole payload at a time: Python's big integers do it in one operation."""
    length = len(payload)
    repeated = (key * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")


def server_frame(opcode, payload):
    """The bytes that a server sends for an unfragmented message."""
    return encode_frame(opcode, payload, masked=False)


def close_payload(code, reason=""):
    return struct.pack("!H", code) + reason.encode()


def close_code(payload):
    """The code of a close frame's payload; 1005 where there is none (RFC 6455 §7.1.5)."""
    return struct.unpack("!H", payload[:2])[0] if payload else 1005


class RawClient:
    """A blocking socket. Everything received and not yet taken is in `buffer`."""

    def __init__(self, address, *, upgrade=True, receive_buffer_bytes=None, path="/", headers=(), preamble=b"", tls=None):
        """`preamble` is sent before everything else; with `tls`, an SSLContext, everything goes through TLS."""
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.buffer = bytearray()
        # The reserved bits that an extension has given a meaning, and those of the last frame.
        self.rsv_allowed = self.last_rsv = 0
        try:
            if receive_buffer_bytes is not None:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
            self.socket.settimeout(DEADLINE_S)
            self.socket.connect(address)
            if family == socket.AF_INET:
                self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.send(preamble)
            if tls is not None:
                self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
            if upgrade:
                self.send(upgrade_request(path, headers=headers))
                self.response = self.receive_http()
                assert self.response.status == 101, f"no upgrade: {self.response}"
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_frame(self, opcode, payload=b"", **options):
        self.send(encode_frame(opcode, payload, **options))

    def _fill(self, end):
        """Receives once; False at the end of the stream (a reset is one, too)."""
        remaining = end - time.monotonic()
        if remaining <= 0:
            raise TimeoutError(f"nothing more was received; so far: {bytes(self.buffer[:200])!r}")
        self.socket.settimeout(remaining)
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)

    def _take(self, count, end):
        """Exactly `count` bytes, or None if the stream ended before the first of them."""
        while len(self.buffer) < count:
            if not self._fill(end):
                assert not self.buffer, f"the stream ended inside a frame: {bytes(self.buffer[:200])!r}"
                return None
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def receive_frame(self, timeout_s=DEADLINE_S):
        """The next frame, or None at the end of the stream."""
        end = time.monotonic() + timeout_s
        head = self._take(2, end)
        if head is None:
            return None
        first, second = head
        assert not second & 0x80, "a server must not mask (RFC 6455 §5.1)"
        self.last_rsv = first >> 4 & 0b111
        assert not self.last_rsv & ~self.rsv_allowed, "reserved bits set without an extension (RFC 6455 §5.2)"
        length = second
        if second == 126:
            length = struct.unpack("!H", self._take(2, end))[0]
        elif second == 127:
            length = struct.unpack("!Q", self._take(8, end))[0]
        payload = self._take(length, end) if length else b""
        assert payload is not None, "the stream ended inside a frame"
        return Frame(bool(first & 0x80), first & 0x0F, payload)

    def receive_compressed_frame(self, timeout_s=DEADLINE_S):
        """The next frame, which has to have RSV1 (RFC 7692 §6); its payload is as it came."""
        self.rsv_allowed = 4
        frame = self.receive_frame(timeout_s)
        assert self.last_rsv == 4, f"it is not compressed: {frame}"
        return frame

    def receive_data(self, timeout_s=DEADLINE_S):
        """The next frame that is neither a ping nor a pong; pings stay unanswered."""
        end = time.monotonic() + timeout_s
        while True:
            frame = self.receive_frame(end - time.monotonic())
            if frame is None or frame.opcode not in (PING, PONG):
                return frame

    def receive_close(self, timeout_s=DEADLINE_S):
        """The code of the close frame that must come next, after which the server must end the stream."""
        frame = self.receive_data(timeout_s)
        assert frame is not None, "the stream ended without a close frame"
        assert frame.opcode == CLOSE, f"expected a close frame, got {frame}"
        return close_code(frame.payload)

    def receive_end(self, timeout_s=DEADLINE_S):
        """Waits for the end of the stream; nothing may come before it."""
        frame = self.receive_frame(timeout_s)
        assert frame is None, f"expected the end of the stream, got {frame}"

    def is_silent(self, duration_s):
        """Does the server keep the connection open and send nothing at all for that long?"""
        self.socket.settimeout(duration_s)
        try:
            self.buffer += self.socket.recv(1 << 16)
            return False
        except TimeoutError:
            return True

    def receive_http(self, timeout_s=DEADLINE_S):
        """An HTTP response; its body by Content-Length, or to the end of the stream where there is none."""
        end = time.monotonic() + timeout_s
        while b"\r\n\r\n" not in self.buffer:
            assert self._fill(end), f"the stream ended before a response: {bytes(self.buffer)!r}"
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer[:] = rest
        status_line, *lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = status_line.split(" ")
        assert version == "HTTP/1.1", status_line
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if status == "101":
            body = b""
        elif "content-length" in headers:
            body = self._take(int(headers["content-length"]), end) if headers["content-length"] != "0" else b""
        else:
            while self._fill(end):
                pass
            body = bytes(self.buffer)
            self.buffer.clear()
        return HttpResponse(int(status), headers, body)
