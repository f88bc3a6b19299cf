"""The load generator in shifts: each opens its connections anew, so that every shift is a wave of reconnects, too."""

import json
import subprocess
from pathlib import Path
from typing import Any

import storm

from .party import Party

_SHIFT_SECONDS = 60
_PATIENCE_SECONDS = 60


class Echo(Party):
    """Numbered messages at a steady rate, beside reloads and kills."""

    name = "echo"

    def __init__(self, generator: Path, address: str, connections: int, rate: int) -> None:
        super().__init__()
        self._options = {"generator": generator, "connections": connections, "rate": rate, "in_flight": 4,
                         "grace_s": _PATIENCE_SECONDS}
        self._address = address

    def turn(self) -> None:
        with storm.Load(self._address, **self._options) as load:
            self.pause(_SHIFT_SECONDS)
            report = load.finish()
        self.counts["messages"] += report["traffic"]["deliveries"]
        self.counts["connections"] += report["connections"]
        self.counts["messages handled again after a kill"] += report["errors"]["duplicated"]
        for what, count in storm.harm(report, repeats_allowed=True).items():
            self.harm[what] += count


class Generator(Party):
    """One call of the load generator after another."""

    def __init__(self, generator: Path, address: str, arguments: list[str], pause_seconds: float) -> None:
        super().__init__()
        self._command = [str(generator), arguments[0], "--connect", address, *arguments[1:]]
        self._pause_seconds = pause_seconds

    def turn(self) -> None:
        done = subprocess.run(self._command, capture_output=True, text=True, timeout=3 * _PATIENCE_SECONDS, check=False)
        if done.returncode not in (0, 1) or not done.stdout.strip():
            return self.wrong("failed", done.stderr[-500:])
        self.judge(json.loads(done.stdout))
        self.pause(self._pause_seconds)

    def judge(self, report: dict[str, Any]) -> None:
        self.counts["connections"] += report["connections"]
        if report.get("traffic"):
            self.counts["deliveries"] += report["traffic"]["deliveries"]
        if report["of_others"]:
            self.counts["messages of clients that had gone"] += report["of_others"]
        for what, count in report["errors"].items():
            if count:
                self.harm[what] += count


class Broadcast(Generator):
    """Every message to everybody, past clients that never read."""

    name = "broadcast"

    def __init__(self, generator: Path, address: str) -> None:
        super().__init__(generator, address, ["broadcast", "--receivers", "300", "--senders", "8", "--rate", "20",
                                              "--slow-readers", "5", "--stuffing-bytes", str(8 << 20), "--seconds", "10"], 5)


class Reconnects(Generator):
    """Many connect at once, stay for a moment, and leave at once."""

    name = "reconnects"

    def __init__(self, generator: Path, address: str) -> None:
        super().__init__(generator, address, ["idle", "--connections", "1000", "--hold", "0.5"], 3)
