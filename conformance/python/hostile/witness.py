"""A healthy client, as a process of its own: it asks all along, and knows of each answer whether the server was late.

An answer is late if it took more than 100 ms beyond what the machine itself took. That is the longer one of

- what a bare echo on a second connection took, to which another process replies, and
- the time for which the threads of the server, and this process, were ready to run while others ran instead.

    witness.py ADDRESS PID PREAMBLE QUESTION...    (HOST:PORT or unix:PATH; hexadecimal digits of what each connection begins with,
                                                    or -; questions: echo, ping, http)

On its standard input, `begin` starts the questions and is answered by `ready` once all have been answered, and `end` by a line of
JSON, when questions that were asked after it have been answered.
"""

import json
import os
import pathlib
import select
import socket
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from hostile import vitals
from raw_client import BINARY, PING, PONG, TEXT, RawClient, encode_frame

LATE_S = 0.100
# The pause between two rounds of questions, and after how much time it is noted anew how long everybody has waited.
PAUSE_S = 0.005
NOTE_EVERY_S = 0.050
# Whoever is not answered for so long gives up; nobody is patient for longer.
GIVE_UP_S = 20.0


class Asker:
    """One connection on which one question is under way at a time."""

    def __init__(self, address, kind, preamble=b""):
        self.kind = kind
        self.client = RawClient(address, upgrade=kind in ("echo", "ping"), preamble=preamble)
        self.number = 0
        self.asked = self.answered = 0.0

    def ask(self):
        self.number += 1
        payload = b"healthy %d" % self.number
        requests = {
            "echo": lambda: encode_frame(TEXT, payload),
            "ping": lambda: encode_frame(PING, payload),
            "http": lambda: b"GET /healthz HTTP/1.1\r\nHost: healthy\r\n\r\n",
            "bare": lambda: payload,
        }
        self.asked, self.answered = time.monotonic(), 0.0
        self.client.send(requests[self.kind]())

    def hear(self):
        """Something has arrived."""
        payload = b"healthy %d" % self.number
        if self.kind == "bare":
            self.client.buffer += self.client.socket.recv(4096) or b"?"
            assert payload.startswith(self.client.buffer)
            done = self.client.buffer == payload
            if done:
                self.client.buffer.clear()
        elif self.kind == "http":
            done = self.client.receive_http(GIVE_UP_S).status == 200
        else:
            frame = self.client.receive_frame(GIVE_UP_S)
            assert frame is not None, "the server has closed the healthy client's connection"
            if frame.opcode == PING:
                self.client.send_frame(PONG, frame.payload)
                return
            if self.kind == "ping" and frame.opcode in (TEXT, BINARY):
                return  # a broadcast: the pong may stand behind it in the buffer
            expected = TEXT if self.kind == "echo" else PONG, payload
            assert (frame.opcode, frame.payload) == expected, f"{frame.opcode:X}: {frame.payload[:80]!r}"
            done = True
        if done:
            self.answered = time.monotonic()


class Witness:
    def __init__(self, address, pid, preamble, questions):
        self.pid = pid
        self.bare = Asker(start_bare_echo(), "bare")
        self.askers = [Asker(address, question, preamble) for question in questions]
        self.pids, self.note = [], (0.0, 0.0)

    def machine_s(self):
        """What everybody has waited for, in sum."""
        return vitals.waited_s(self.pids) + vitals.stolen_s()

    def begin(self):
        self.pids = [os.getpid(), *vitals.descendants(self.pid)]
        self.note = time.monotonic(), self.machine_s()
        self.report = {"rounds": 0, "slowest_s": 0.0, "late": []}

    def round(self):
        """Asks everything once. What the machine took counts from the last note on, which is a little too much."""
        if time.monotonic() - self.note[0] > NOTE_EVERY_S:
            self.note = time.monotonic(), self.machine_s()
        asked = {asker.client.socket.fileno(): asker for asker in [self.bare, *self.askers]}
        waiting = select.poll()
        for descriptor, asker in asked.items():
            waiting.register(descriptor, select.POLLIN)
            asker.ask()
        end = time.monotonic() + GIVE_UP_S
        while asked:
            ready = waiting.poll(max(0.0, end - time.monotonic()) * 1000)
            if not ready:
                raise TimeoutError(f"no answer to {[asker.kind for asker in asked.values()]} within {GIVE_UP_S:g} s")
            for descriptor, _ in ready:
                asker = asked[descriptor]
                asker.hear()
                # One read may have brought more than one frame.
                while asker.client.buffer and not asker.answered:
                    asker.hear()
                if asker.answered:
                    waiting.unregister(descriptor)
                    del asked[descriptor]
        self._judge()

    def _judge(self):
        bare_s = self.bare.answered - self.bare.asked
        self.report["rounds"] += 1
        for asker in self.askers:
            took_s = asker.answered - asker.asked
            self.report["slowest_s"] = max(self.report["slowest_s"], took_s)
            if took_s > LATE_S:
                machine_s = max(bare_s, self.machine_s() - self.note[1])
                if took_s - machine_s > LATE_S:
                    self.report["late"].append({"question": asker.kind, "took_s": took_s, "machine_s": machine_s})


def socket_address(address):
    if address.startswith("unix:"):
        return address.removeprefix("unix:")
    host, port = address.rsplit(":", 1)
    return host, int(port)


def start_bare_echo():
    """Another process that sends back what it gets, as long as this one lives; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    if os.fork() == 0:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while data := connection.recv(4096):
                connection.sendall(data)
        finally:
            os._exit(0)
    return listener.getsockname()


def main():
    address, pid, preamble, *questions = sys.argv[1:]
    preamble = bytes.fromhex(preamble.removeprefix("-"))
    witness = Witness(socket_address(address), int(pid), preamble, questions)
    order = ""
    commands = os.fdopen(os.dup(0), "rb", buffering=0)
    asking = False
    while True:
        # Between two rounds there is time for a command; without questions there is nothing else to wait for.
        if select.select([commands], [], [], PAUSE_S if asking else None)[0]:
            order = commands.readline().decode().strip()
            if not order:
                return
            if order == "begin":
                witness.begin()
                asking = True
        witness.round()
        if order == "begin":
            print("ready", flush=True)
        elif order == "end":
            print(json.dumps(witness.report), flush=True)
            asking = False
        order = ""


if __name__ == "__main__":
    main()
