"""A server under attack, and how it is judged after each."""

import json
import pathlib
import re
import subprocess
import sys
import time

from deadline import DEADLINE_S, wait_until
from example_server import MODE, ExampleServer, example_path
from hostile.vitals import vitals
from hostile.witness import socket_address
from raw_client import BINARY, CLOSE, PONG, RawClient, close_code

MIB = 1 << 20
# How often a case is tried whose only fault was that the healthy client had to wait. A server that one client can hold up is
# held up each time; what the machine does to a server it does not do three times running.
TRIES = 3
# Above what a server holds after its first big messages, for all cases together: tables that have grown, fragments of pages. In
# Process mode the master also notes each message that it gives to a ring, and keeps room for the notes of four rings of 1 MiB full
# of empty messages.
MEMORY_SLACK_BYTES = (12 if MODE == "base" else 32) * MIB
# What is judged is the memory that the server uses, so its allocator is told to keep none that is free. (As it comes, mimalloc
# keeps up to what was used at the worst time, until somebody next needs a block of such a size.)
ENVIRONMENT = {"MIMALLOC_PURGE_DELAY": "0"}


class Fortress:
    """One server for many cases: none of them may leave a trace in it."""

    def __init__(self, name, *flags, questions=("echo",), executable=None, warm_up_bytes=2 * MIB, listen=("127.0.0.1:0",),
                 preamble=b""):
        """`preamble` is what the healthy client begins each connection with; it uses the last one of `listen`."""
        self.server = ExampleServer(name, *flags, executable=executable or example_path(name), environment=ENVIRONMENT,
                                    listen=listen)
        self.clients = []
        self._preamble = preamble
        self._witness = None
        try:
            self._warm_up(questions, warm_up_bytes)
            self._witness = subprocess.Popen(
                [sys.executable, pathlib.Path(__file__).with_name("witness.py"), self.server.addresses[-1],
                 str(self.server.process.pid), preamble.hex() or "-", *questions],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            self._order("begin"), self._order("end")
            wait_until(self._is_complete, "all processes of the server have started")
            self.memory_bound = vitals(self.server.process.pid).memory_bytes + MEMORY_SLACK_BYTES
        except BaseException:
            self.stop()
            raise

    @property
    def address(self):
        return self.server.address

    def stop(self):
        if self._witness:
            self._witness.kill()
            self._witness.communicate()
        self.server.stop()

    def _is_complete(self):
        """A program that starts with several processes has as many a moment later."""
        processes = vitals(self.server.process.pid).processes
        time.sleep(0.3)
        return vitals(self.server.process.pid).processes == processes

    # What an attack uses.

    def connect(self, **options):
        """A connection that does only what it is told to, upgraded unless `upgrade=False`; it ends with the case."""
        self.clients.append(RawClient(self.address, **options))
        return self.clients[-1]

    def grown_bytes(self):
        """How much more memory the server holds now than before the case."""
        return vitals(self.server.process.pid).memory_bytes - self._before.memory_bytes

    def sockets_left(self):
        """How many descriptors the process that owns the sockets has open beyond those before the case."""
        pid = self.server.process.pid
        return vitals(pid).descriptors[pid] - self._before.descriptors[pid]

    # The judgement.

    def endure(self, attack, **options):
        """`attack(self)` asserts what its own connections get; everything else is judged here."""
        for left in reversed(range(TRIES)):
            late = self._endure_once(attack, **options)
            if not late:
                return
            assert left, f"the healthy client was kept waiting, in each of {TRIES} tries; in the last: {late}"

    def _endure_once(self, attack, recover_s=DEADLINE_S):
        before = self._before = vitals(self.server.process.pid)
        log_length = len(self.server.stderr())
        self._order("begin")
        try:
            attack(self)
        finally:
            for client in self.clients:
                client.close()
            self.clients.clear()
            report = json.loads(self._order("end"))
        assert report["rounds"] >= 2
        self._judge_processes(before)
        log = self.server.stderr()[log_length:]
        assert not re.search("panicked|has died|was killed", log), f"the server's log:\n{log}"
        self._judge_resources(before, recover_s)
        return report["late"]

    def _judge_processes(self, before):
        assert self.server.process.poll() is None, f"the server has ended:\n{self.server.stderr()[-8000:]}"
        after = vitals(self.server.process.pid)
        assert after.processes == before.processes, f"processes have died or begun: {before.processes} -> {after.processes}"

    def _judge_resources(self, before, recover_s):
        def recovered():
            now = vitals(self.server.process.pid)
            self._last = now
            return all(now.descriptors.get(pid, 0) <= count for pid, count in before.descriptors.items()) \
                and now.memory_bytes <= self.memory_bound

        try:
            wait_until(recovered, "", recover_s)
        except TimeoutError:
            raise AssertionError(
                f"{recover_s:g} s after the case the server has {self._last.descriptors} descriptors by process (before: "
                f"{before.descriptors}) and {self._last.memory_bytes / MIB:.1f} MiB (bound: {self.memory_bound / MIB:.1f})"
            ) from None

    def _order(self, order):
        try:
            self._witness.stdin.write(order + "\n")
            self._witness.stdin.flush()
            answer = self._witness.stdout.readline()
        except BrokenPipeError:
            answer = ""
        assert answer, f"the healthy client beside the case has failed; the server's log:\n{self.server.stderr()[-4000:]}"
        return answer

    def _warm_up(self, questions, size):
        """Everything that is allocated once is allocated now, in every thread; in Process mode, each ring is filled."""
        for _ in range(16 if "echo" in questions else 0):
            with RawClient(socket_address(self.server.addresses[-1]), preamble=self._preamble) as client:
                for _ in range(2):
                    client.send_frame(BINARY, bytes(size))
                    assert client.receive_data().payload == bytes(size)
                client.send_frame(CLOSE)
                client.receive_close()


def chat_fortress(folder):
    """The chat server, which serves HTTP beside its WebSocket."""
    executable = example_path("echo").parent.parent / "switchboard-chat"
    return Fortress("switchboard-chat", "--data", folder, "--mode", MODE, "--workers", 2, "--reactors", 2,
                    questions=("ping", "http"), executable=executable)


def expect_answers(client, data, pongs=()):
    """These data frames, whole and in order, and these pongs, in order; nothing says which of both comes first, as pings are
    answered by whoever owns the socket, and messages by the handler."""
    data, pongs = list(data), list(pongs)
    while data or pongs:
        frame = client.receive_frame()
        assert frame is not None, f"the stream ended before {len(data)} messages and {len(pongs)} pongs"
        expected = pongs if frame.opcode == PONG else data
        assert expected and frame == (True, *expected[0]), f"{frame.opcode:X}: {frame.payload[:80]!r}"
        expected.pop(0)


def expect_close(client, code, *, with_reason=True):
    """The next frame must be a close frame with exactly this code, and nothing but the end may follow."""
    frame = client.receive_frame()
    assert frame is not None, "the stream ended without a close frame"
    assert frame.opcode == CLOSE, f"expected a close frame, got {frame.opcode:X}: {frame.payload[:80]!r}"
    assert close_code(frame.payload) == code, f"expected close code {code}, got {frame}"
    if with_reason:
        assert frame.payload[2:].decode(), "the close frame gives no reason"
    client.receive_end()


def expect_refusal(client, status):
    """The next thing must be this HTTP status as a whole response that says why, and nothing but the end may follow."""
    response = client.receive_http()
    assert response.status == status, response
    assert response.body, "the response does not say what was wrong"
    assert "close" in response.headers["connection"].lower().split(", ")
    client.receive_end()
    return response
