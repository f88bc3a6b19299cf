"""Thousands of connections from one process: non-blocking sockets on one epoll, no object a message."""

import select
import socket
import time

from deadline import DEADLINE_S
from raw_client import SAMPLE_ACCEPT, upgrade_request

# A SYN queue is finite: this many handshakes are under way at a time.
CONNECTING_MAX = 200
# Client addresses are spread over 127.0.0.0/8, so that leftovers of an earlier run cannot use up the ports of one.
CONNECTIONS_PER_SOURCE = 2500


class Swarm:
    """`count` open WebSocket connections that do nothing until `receive_all`."""

    def __init__(self, address, count):
        self.address = address
        self.sockets = {}
        self.epoll = select.epoll()
        self._scratch = bytearray(1 << 18)
        try:
            self._connect(count)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __len__(self):
        return len(self.sockets)

    def close(self):
        for connection in self.sockets.values():
            connection.close()
        self.sockets.clear()
        self.epoll.close()

    def _connect(self, count):
        request = upgrade_request()
        answers = {}  # descriptor -> what has arrived of the response's head
        end = time.monotonic() + DEADLINE_S + count / 200
        while len(self.sockets) < count or answers:
            while len(self.sockets) < count and len(answers) < CONNECTING_MAX:
                connection = socket.socket()
                descriptor = connection.fileno()
                self.sockets[descriptor] = connection
                connection.bind((f"127.0.0.{2 + len(self.sockets) // CONNECTIONS_PER_SOURCE}", 0))
                connection.connect(self.address)
                connection.setblocking(False)
                connection.send(request)
                self.epoll.register(descriptor, select.EPOLLIN)
                answers[descriptor] = b""
            assert time.monotonic() < end, f"{len(answers)} of {len(self.sockets)} handshakes were not answered"
            for descriptor, _ in self.epoll.poll(1.0):
                answer = answers[descriptor] + self.sockets[descriptor].recv(4096)
                answers[descriptor] = answer
                assert answer, "a connection was closed instead of upgraded"
                if answer.endswith(b"\r\n\r\n"):
                    assert answer.startswith(b"HTTP/1.1 101 "), answer
                    assert SAMPLE_ACCEPT.encode() in answer, answer
                    del answers[descriptor]

    def receive_all(self, expected, timeout_s=DEADLINE_S):
        """Waits until every connection has received exactly the bytes `expected`; the seconds that it took."""
        start = time.monotonic()
        end = start + timeout_s
        expected = memoryview(expected)
        received = dict.fromkeys(self.sockets, 0)
        missing = len(received)
        scratch = memoryview(self._scratch)
        while missing:
            remaining = end - time.monotonic()
            assert remaining > 0, f"{missing} of {len(received)} connections had not received all in {timeout_s:g} s"
            for descriptor, _ in self.epoll.poll(remaining):
                offset = received[descriptor]
                count = self.sockets[descriptor].recv_into(scratch)
                assert count, "the server closed a connection of the swarm"
                assert scratch[:count] == expected[offset:offset + count], "a connection received something else"
                received[descriptor] = offset + count
                if offset + count == len(expected):
                    missing -= 1
        return time.monotonic() - start
