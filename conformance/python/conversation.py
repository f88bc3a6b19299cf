"""Short texts to and fro: what the tests of Process mode say to the examples, and connections that never stop asking."""

import threading

from deadline import DEADLINE_S, wait_until
from raw_client import TEXT


def say(connection, text):
    connection.send_frame(TEXT, text.encode())


def hear(connection, timeout_s=DEADLINE_S):
    """The next text."""
    frame = connection.receive_data(timeout_s)
    assert frame is not None, "the connection was closed"
    assert frame.opcode == TEXT, f"expected a text, got {frame}"
    return frame.payload.decode()


def ask(connection):
    """Who handles the connection's messages: (generation, pid)."""
    say(connection, "?gen")
    answer = dict(word.split("=") for word in hear(connection).split())
    return int(answer["gen"]), int(answer["pid"])


class Chatter:
    """Connections in a thread of their own that never stop asking, each once the last question has been answered."""

    def __init__(self, connections):
        self.connections = connections
        self.generations = [set() for _ in connections]
        self.answers = [0 for _ in connections]
        self.failure = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _run(self):
        try:
            while not self._stop.is_set():
                for number, connection in enumerate(self.connections):
                    self.generations[number].add(ask(connection)[0])
                    self.answers[number] += 1
        except BaseException as failure:
            self.failure = failure

    def have_all(self, condition, what):
        """Waits until `condition(generations, answers)` is true of every connection."""
        def done():
            if self.failure is not None:
                raise AssertionError(f"while {what}: {self.failure!r}")
            return all(map(condition, self.generations, self.answers))
        wait_until(done, what)

    def go_on(self, what):
        """Waits until every connection has had twenty more answers."""
        before = max(self.answers)
        self.have_all(lambda _, answers: answers >= before + 20, what)
