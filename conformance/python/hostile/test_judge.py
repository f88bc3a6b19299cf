"""What the suite would say of a server that does not endure: a judge that never condemns proves nothing."""

import signal
import time

import pytest

from hostile.fortress import MIB
from raw_client import BINARY, RawClient, encode_frame


def test_a_server_that_stands_still_is_found_out(fortresses):
    """For 300 ms on a machine that is not busy with something else; whatever else it does, for two seconds."""

    def attack(server):
        server.server.signal(signal.SIGSTOP)
        time.sleep(2.0)
        server.server.signal(signal.SIGCONT)

    with pytest.raises(AssertionError, match="kept waiting"):
        fortresses("echo").endure(attack)


def test_a_connection_that_is_left_behind_is_found_out(fortresses):
    left = []
    try:
        with pytest.raises(AssertionError, match="descriptors by process"):
            fortresses("echo").endure(lambda server: left.append(RawClient(server.address)), recover_s=1)
    finally:
        for client in left:
            client.close()


def test_memory_that_is_left_behind_is_found_out(fortresses):
    left = []

    def attack(server):
        for _ in range(40):
            left.append(RawClient(server.address))
            left[-1].send(encode_frame(BINARY, bytes(MIB), fin=False))

    try:
        with pytest.raises(AssertionError, match="MiB"):
            fortresses("echo").endure(attack, recover_s=1)
    finally:
        for client in left:
            client.close()


def test_a_server_that_dies_is_found_out(fortresses):
    fortress = fortresses("echo", "--max-connections", 1000)
    with pytest.raises(AssertionError, match="has failed|has ended"):
        fortress.endure(lambda server: server.server.signal(signal.SIGKILL))
