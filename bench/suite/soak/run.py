"""Starts the servers and everybody, lets them be for so many minutes, and says what came of it."""

import dataclasses
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from process_tree import Builds, ProcessServer

from ..build import Built
from .chaos import Chaos
from .generators import Broadcast, Echo, Reconnects
from .party import Party
from .samples import Sampler, Trend, trends
from .secure import Secure, make_certificate
from .talkers import Talkers
from .visitors import Visitors

_PROGRESS_SECONDS = 60.0
# An entry of the connection table costs memory once it has been used. With so few all are soon, and what grows then is a leak.
_CONNECTIONS_MAX = 4000
# A shift of the load generator, and its patience.
_END_SECONDS = 300.0


@dataclasses.dataclass(frozen=True)
class Soak:
    """The result."""

    seconds: float
    parties: list[Party]
    trends: list[Trend]
    samples: int
    """Of each server."""

    @property
    def harm(self) -> dict[str, int]:
        found = {f"{party.name}: {what}": count for party in self.parties for what, count in party.harm.items() if count}
        grown = {f"{trend.server}: {trend.figure} grew": round(trend.last - trend.first, 1) for trend in self.trends
                 if not trend.is_flat}
        return found | grown

    @property
    def detail(self) -> list[str]:
        return [line for party in self.parties for line in party.detail]


def _start(stack: ExitStack, program: Path, *flags: str) -> ProcessServer:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
    place = folder / "server"
    place.mkdir()
    if program.name == "switchboard-chat":
        flags = (*flags, "--data", str(folder / "data"), "--log", "error")
    limits = "--reactors", "2", "--max-connections", str(_CONNECTIONS_MAX)
    server = ProcessServer(program.name, *limits, *flags, builds=Builds(program, folder), folder=place)
    stack.callback(server.stop)
    server.wait_until_whole()
    return server


def run(built: Built, minutes: float, seed: int) -> Soak:
    with ExitStack() as stack:
        release = built.places.target / "release"
        echo = _start(stack, release / "examples/echo")
        broadcast = _start(stack, release / "examples/broadcast")
        chat = _start(stack, release / "switchboard-chat")
        certificates = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        make_certificate(certificates)
        secure = _start(stack, release / "examples/echo", "--deflate", "--tls-cert", str(certificates / "cert.pem"),
                        "--tls-key", str(certificates / "key.pem"))
        chat_chaos = Chaos("the chat", chat, seed, kills=True)
        sampler = Sampler({"echo": echo, "secure echo": secure, "broadcast": broadcast, "chat": chat})
        parties = [
            sampler,
            Echo(built.generator, echo.addresses[0], connections=300, rate=3000),
            Reconnects(built.generator, echo.addresses[0]),
            # A broadcast that a kill has cut is handled again, so it would come twice to those who have it.
            Broadcast(built.generator, broadcast.addresses[0]),
            Secure(secure, certificates, seed),
            Talkers(chat.address, 40),
            Visitors(chat.address, lambda: chat_chaos.last_kill),
            Chaos("echo", echo, seed, kills=True),
            Chaos("the secure echo", secure, seed, kills=True),
            Chaos("the broadcast", broadcast, seed, kills=False),
            chat_chaos,
        ]
        began = time.monotonic()
        for party in parties:
            party.start()
        _wait(parties, began, minutes * 60)
        samples = {name: list(taken) for name, taken in sampler.samples.items()}
        # What disturbs first, so that what is under way can arrive.
        for party in reversed(parties):
            party.tell_to_stop()
            party.join(_END_SECONDS)
        found = [trend for name, taken in samples.items() for trend in trends(name, taken)]
        return Soak(time.monotonic() - began, parties, found, min(map(len, samples.values())))


def _wait(parties: list[Party], began: float, seconds: float) -> None:
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(_PROGRESS_SECONDS, left))
        harm = {party.name: dict(party.harm) for party in parties if party.harm}
        counts = {party.name: dict(party.counts) for party in parties if party.counts}
        print(f"{(time.monotonic() - began) / 60:.1f} min  {counts}  {harm or ''}", file=sys.stderr)
