"""Chat clients in rooms, who never disconnect, number what they say, and miss nothing of what the others say."""

import json
import select
import time
from typing import Any

from raw_client import PING, PONG, TEXT, RawClient

from .party import Party

_ROOMS = 4
_SAY_EVERY_SECONDS = 2.0
# Whoever is told nothing about a message for so long sends it again, under the same id.
_AGAIN_SECONDS = 10.0
_END_SECONDS = 60.0


class _Talker:
    """One connection."""

    def __init__(self, address: tuple[str, int], number: int) -> None:
        self.name, self.room = f"soak-{number}", f"soak-room-{number % _ROOMS}"
        self.client = RawClient(address, headers=[("Sec-WebSocket-Protocol", "switchboard.v1")])
        self.last_seq: int | None = None
        """Of the room; none before it has joined."""
        self.said = 0
        self.unheard: dict[str, float] = {}
        """Its own messages that have not come back, and when they were sent."""
        self.heard: dict[str, int] = {}
        """By the others' names, the number of their last message."""
        self.next_say = time.monotonic() + number * 0.1

    def ask(self, kind: str, **fields: Any) -> None:
        self.client.send_frame(TEXT, json.dumps({"type": kind, **fields}).encode())

    def say(self, number: str) -> None:
        self.unheard[number] = time.monotonic()
        self.ask("message", room=self.room, text=f"{self.name} {number}", id=number)


class Talkers(Party):
    """All of them."""

    name = "chat"

    def __init__(self, address: tuple[str, int], count: int) -> None:
        super().__init__()
        self._talkers = []
        self._poll = select.poll()
        self._by_descriptor = {}
        for number in range(count):
            talker = _Talker(address, number)
            self._talkers.append(talker)
            self._by_descriptor[talker.client.socket.fileno()] = talker
            self._poll.register(talker.client.socket, select.POLLIN)
            talker.ask("connect", text=talker.name, client=f"soak-key-{number}-{time.time_ns()}")
            if number < _ROOMS:
                talker.ask("create", room=talker.room)
        time.sleep(1.0)
        for talker in self._talkers:
            talker.ask("join", room=talker.room, id="join")
        self.counts["connections"] = count

    def turn(self) -> None:
        self._listen(0.05)
        now = time.monotonic()
        for talker in self._talkers:
            for number, since in list(talker.unheard.items()):
                if now - since > _AGAIN_SECONDS:
                    self.counts["messages sent again"] += 1
                    talker.say(number)
            if talker.last_seq is not None and now >= talker.next_say:
                talker.next_say = now + _SAY_EVERY_SECONDS
                talker.said += 1
                talker.say(str(talker.said))
                self.counts["messages"] += 1

    def finish(self) -> None:
        """Waits until everybody has heard everything."""
        end = time.monotonic() + _END_SECONDS
        while time.monotonic() < end and self._missing():
            self._listen(0.05)
        self.harm["missing"] += self._missing()
        for talker in self._talkers:
            talker.client.close()

    def _missing(self) -> int:
        rooms = {room: [talker for talker in self._talkers if talker.room == room] for room in
                 {talker.room for talker in self._talkers}}
        return sum(max(0, speaker.said - listener.heard.get(speaker.name, 0))
                   for people in rooms.values() for speaker in people for listener in people)

    def _listen(self, seconds: float) -> None:
        for descriptor, _ in self._poll.poll(seconds * 1000):
            talker = self._by_descriptor[descriptor]
            self._hear(talker)
            while talker.client.buffer:
                self._hear(talker)

    def _hear(self, talker: _Talker) -> None:
        frame = talker.client.receive_frame()
        if frame is None:
            self._poll.unregister(talker.client.socket)
            return self.wrong("closed", f"the connection of {talker.name}")
        if frame.opcode == PING:
            return talker.client.send_frame(PONG, frame.payload)
        if frame.opcode != TEXT:
            return self.wrong("closed", f"{talker.name} was sent {frame}")
        event = json.loads(frame.payload)
        if event["type"] == "joined":
            talker.last_seq = event["seq"]
        elif event["type"] == "message" and event["room"] == talker.room and talker.last_seq is not None:
            self._heard(talker, event)
        elif event["type"] == "error":
            self._refused(talker, event)

    def _heard(self, talker: _Talker, event: dict[str, Any]) -> None:
        self.counts["deliveries"] += 1
        if event["seq"] != talker.last_seq + 1:
            self.wrong("gaps", f"{talker.name} in {talker.room}: {event['seq']} behind {talker.last_seq}")
        talker.last_seq = event["seq"]
        speaker, _, number = event["data"].rpartition(" ")
        if int(number) != talker.heard.get(speaker, 0) + 1:
            self.wrong("out of order or twice", f"{speaker} {number} behind {talker.heard.get(speaker, 0)}")
        talker.heard[speaker] = int(number)
        if speaker == talker.name:
            talker.unheard.pop(number, None)

    def _refused(self, talker: _Talker, event: dict[str, Any]) -> None:
        """Nothing was done, and the message is sent again in its time."""
        if event["code"] == "room_exists":
            return
        self.counts[f"answers `{event['code']}`"] += 1
        if event.get("id") == "join":
            talker.ask("join", room=talker.room, id="join")
