"""Clients who speak TLS and compress what they say: some stay, some come for one message. And new certificates."""

import random
import signal
import ssl
import subprocess
import time
from pathlib import Path

from hostile.deflating import OFFER, RSV1, deflate, deflated_frame, receive_message
from process_tree import ProcessServer
from raw_client import RawClient, close_payload, encode_frame

from .party import Party

_STAY = 40
_COME = 4
_TEXT_BYTES_MAX = 20_000
_NEW_CERTIFICATE_SECONDS = 60.0
_CLOSE = 0x8


def make_certificate(folder: Path) -> None:
    """Of a day; the server reads it where it is."""
    fresh = [folder / "fresh-key.pem", folder / "fresh-cert.pem"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", fresh[0], "-out", fresh[1]], check=True, capture_output=True)
    for file in fresh:
        file.rename(folder / file.name.removeprefix("fresh-"))


class Secure(Party):
    """All of them."""

    name = "TLS and compression"

    def __init__(self, server: ProcessServer, certificates: Path, seed: int) -> None:
        super().__init__()
        self._server, self._certificates = server, certificates
        self._chance = random.Random(f"{seed} secure")
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # It says who it is, which is not what is tested here.
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self._number = 0
        self._staying = [self._connect() for _ in range(_STAY)]
        self._next_certificate = time.monotonic() + _NEW_CERTIFICATE_SECONDS

    def turn(self) -> None:
        for client in self._staying:
            self._speak(client)
        for _ in range(_COME):
            client = self._connect()
            self._speak(client)
            client.send(encode_frame(_CLOSE, close_payload(1000)))
            client.close()
        if time.monotonic() >= self._next_certificate:
            self._next_certificate = time.monotonic() + _NEW_CERTIFICATE_SECONDS
            make_certificate(self._certificates)
            self._server.signal(signal.SIGHUP)
            self.counts["new certificates"] += 1
        self.pause(0.5)

    def finish(self) -> None:
        for client in self._staying:
            client.close()

    def _connect(self) -> RawClient:
        client = RawClient(self._server.address, tls=self._context, headers=[("Sec-WebSocket-Extensions", OFFER)])
        client.rsv_allowed, client.agreed = RSV1, {}
        assert OFFER in client.response.headers.get("sec-websocket-extensions", ""), client.response
        self.counts["connections"] += 1
        return client

    def _speak(self, client: RawClient) -> None:
        """What comes back must be what was said; what comes twice was handled again after a kill."""
        self._number += 1
        words = f"{self._number} {self._chance.random()} ".encode()
        said = (words * _TEXT_BYTES_MAX)[:self._chance.randrange(len(words), _TEXT_BYTES_MAX)]
        client.send(deflated_frame(deflate(said)))
        while (heard := receive_message(client)) != said:
            number = heard.split(b" ", 1)[0]
            if not number.isdigit() or int(number) >= self._number:
                return self.wrong("messages changed", f"{heard[:80]!r} for {said[:80]!r}")
            self.counts["messages handled again after a kill"] += 1
        self.counts["messages"] += 1
