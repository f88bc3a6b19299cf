"""Something that goes on in a thread of its own until it is told to stop, and remembers what went wrong."""

import collections
import threading
import traceback


class Party:
    """Subclasses do one round of their work in `turn`, and judge the whole in `finish`."""

    name = ""

    def __init__(self) -> None:
        self.counts: collections.Counter[str] = collections.Counter()
        """What has been done, for the report."""
        self.harm: collections.Counter[str] = collections.Counter()
        """What must not have happened, and did."""
        self.detail: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def turn(self) -> None:
        """One round; it returns within a minute."""
        raise NotImplementedError

    def finish(self) -> None:
        """After the last round."""

    def pause(self, seconds: float) -> None:
        """Sleeps, unless it is to stop."""
        self._stop.wait(seconds)

    def wrong(self, what: str, detail: str = "") -> None:
        self.harm[what] += 1
        if detail and len(self.detail) < 20:
            self.detail.append(f"{self.name}: {what}: {detail}")

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.turn()
            self.finish()
        except Exception as failure:  # pylint: disable=broad-except
            self.wrong("failed", f"{failure}\n{traceback.format_exc()}")

    def tell_to_stop(self) -> None:
        self._stop.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.wrong("did not end")
