"""A connection to the chat that asks one thing after the other."""

import json
import time
from typing import Any

from raw_client import PING, PONG, TEXT, RawClient, encode_frame

Frame = dict[str, Any]


class Line:
    """One connection, and what it has to say."""

    def __init__(self, address: str, name: str) -> None:
        host, _, port = address.rpartition(":")
        self._client = RawClient((host, int(port)), headers=[("Sec-WebSocket-Protocol", "switchboard.v1")])
        self.ask("connect", text=name, client=f"{name}-{time.time_ns()}")

    def close(self) -> None:
        self._client.close()

    def ask(self, kind: str, **fields: Any) -> Frame:
        """The answer; an error of the server's ends the measurement."""
        self._send(_frame(kind, "asked", fields))
        return self._answer("asked")

    def post(self, room: str, texts: list[str], first: int) -> None:
        """All of them on their way at once; returns when the last of them is stored."""
        numbered = enumerate(texts, first)
        self._send(b"".join(_frame("message", str(number), {"room": room, "text": text}) for number, text in numbered))
        self._answer(str(first + len(texts) - 1))

    def _send(self, frames: bytes) -> None:
        self._client.send(frames)

    def _answer(self, number: str) -> Frame:
        while True:
            frame = self._client.receive_frame()
            if frame is None:
                raise RuntimeError("the chat has closed the connection")
            if frame.opcode == PING:
                self._client.send_frame(PONG, frame.payload)
            elif frame.opcode == TEXT:
                said = json.loads(frame.payload)
                if said["type"] == "error":
                    raise RuntimeError(f"the chat has refused: {said['data']}")
                if said.get("id") == number:
                    return said


def _frame(kind: str, number: str, fields: Frame) -> bytes:
    return encode_frame(TEXT, json.dumps({"type": kind, "id": number, **fields}).encode())
