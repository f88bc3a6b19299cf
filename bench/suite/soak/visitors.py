"""Ordinary HTTP requests: on connections that are kept, and on one for each request."""

import time
from collections.abc import Callable

from raw_client import RawClient

from .party import Party

# A worker that is killed takes its HTTP connections with it, and without any worker the answer is 503: that is so long no fault.
_KILL_EXCUSES_SECONDS = 3.0


class Visitors(Party):
    """A few of each kind."""

    name = "http"

    def __init__(self, address: tuple[str, int], last_kill: Callable[[], float]) -> None:
        super().__init__()
        self._address = address
        self._last_kill = last_kill
        self._kept: dict[int, RawClient] = {}

    def turn(self) -> None:
        for number in range(8):
            if number not in self._kept:
                self._kept[number] = RawClient(self._address, upgrade=False)
            if not self._visit(self._kept[number], "/chat.js"):
                self._kept.pop(number).close()
        for path in ("/", "/healthz"):
            with RawClient(self._address, upgrade=False) as client:
                self._visit(client, path)
        self.pause(0.5)

    def _visit(self, client: RawClient, path: str) -> bool:
        asked = time.monotonic()
        try:
            client.send(f"GET {path} HTTP/1.1\r\nHost: soak\r\n\r\n".encode())
            response = client.receive_http()
        except (AssertionError, OSError) as failure:
            if self._is_excused(asked):
                self.counts["requests cut by a kill"] += 1
            elif client in self._kept.values() and isinstance(failure, (BrokenPipeError, AssertionError)):
                # A reload ends kept connections between two requests, as every server may (RFC 9112 §9.3).
                self.counts["kept connections ended by a reload"] += 1
            else:
                self.wrong("requests without an answer", f"{path}: {failure}")
            return False
        if response.status == 503 and self._is_excused(asked):
            self.counts["requests put off by a kill"] += 1
        elif response.status == 200:
            self.counts["requests"] += 1
        else:
            self.wrong("requests refused", f"{path}: {response.status}")
        return response.headers.get("connection", "").lower() != "close"

    def _is_excused(self, asked: float) -> bool:
        """Was something killed shortly before, or since?"""
        return asked - self._last_kill() < _KILL_EXCUSES_SECONDS

    def finish(self) -> None:
        for client in self._kept.values():
            client.close()
