"""Reloads and kills, all the time and at random."""

import random
import time

import storm
from process_tree import ProcessServer

from .party import Party

_PATIENCE_SECONDS = 60
_EVERY_SECONDS = 3.0


class Chaos(Party):
    """For each server one of these, so that none waits for another."""

    name = "chaos"

    def __init__(self, name: str, server: ProcessServer, seed: int, *, kills: bool) -> None:
        self.name = f"chaos at {name}"
        super().__init__()
        self._server = server
        self._chance = random.Random(f"{seed} {name}")
        self._kills = kills
        self.last_kill = 0.0

    def turn(self) -> None:
        self.pause(self._chance.uniform(0.5, 2 * _EVERY_SECONDS))
        if self._kills and self._chance.random() < 0.5:
            self._kill()
        else:
            self._reload()

    def _reload(self) -> None:
        build = self.counts["reloads"] % len(self._server.builds.files)
        self._server.builds.install(build, self._server.executable)
        self._server.reload(_PATIENCE_SECONDS)
        self.counts["reloads"] += 1

    def _kill(self) -> None:
        kind = self._chance.choices([*storm.VICTIMS, "a user process"], [*storm.VICTIMS.values(), 4])[0]
        if kind == "a user process":
            victims = [member for member in self._server.tree.members() if member.role == "process"]
        else:
            victims = storm.choose(self._server, kind, self._chance)
        if not victims:
            return
        self.last_kill = time.monotonic()
        self._server.kill(*victims)
        self._server.wait_until_whole(timeout_s=_PATIENCE_SECONDS)
        self.last_kill = time.monotonic()
        self.counts["processes killed"] += len(victims)

    def finish(self) -> None:
        self._server.wait_until_whole(timeout_s=_PATIENCE_SECONDS)
