"""Several listeners of one server, on TCP and on Unix sockets."""

import os

import pytest

from example_server import TERMINATE
from raw_client import TEXT, RawClient


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "switchboard.sock")


def test_a_unix_socket_echoes(start, unix_client, path):
    server = start("echo", listen=[f"unix:{path}"])
    assert server.addresses == [f"unix:{path}"]
    connection = unix_client(path)
    for message in ["", "grüße", b"\x00\xff" * 50000]:
        connection.send(message)
        assert connection.recv(20) == message
    connection.close(1000)
    assert connection.protocol.close_rcvd.code == 1000


def test_the_file_of_a_unix_socket_goes_with_the_server(start, path):
    server = start("echo", listen=[f"unix:{path}"])
    assert os.path.exists(path)
    server.signal(TERMINATE)
    assert server.wait_for_exit() == 0
    assert not os.path.exists(path)


def test_a_broadcast_crosses_listeners(start, client, unix_client, path):
    server = start("broadcast", "--reactors", 2, listen=["127.0.0.1:0", f"unix:{path}", "127.0.0.2:0"])
    first, second, third = server.addresses
    assert first.startswith("127.0.0.1:") and second == f"unix:{path}" and third.startswith("127.0.0.2:")
    host, port = third.rsplit(":", 1)
    over_tcp, over_unix, other_address = client(server), unix_client(path), RawClient((host, int(port)))
    with other_address:
        over_unix.send("from the Unix socket")
        assert over_tcp.recv(20) == over_unix.recv(20) == "from the Unix socket"
        assert other_address.receive_frame() == (True, TEXT, b"from the Unix socket")
        other_address.send_frame(TEXT, b"from the third listener")
        assert over_tcp.recv(20) == over_unix.recv(20) == "from the third listener"


def test_ipv6_is_an_address_like_any_other(start):
    server = start("echo", listen=["[::1]:0"])
    assert server.addresses[0].startswith("[::1]:")


def test_a_unix_client_that_never_reads_is_bounded_too(start, unix_client, path):
    limit = 1 << 20
    server = start("broadcast", "--output-limit", limit, "--ping-interval", 0, listen=["127.0.0.1:0", f"unix:{path}"])
    with RawClient(path) as never, RawClient(server.address) as sender:
        server.reset_peak()
        before = server.resident_bytes()
        for _ in range(512):
            sender.send_frame(TEXT, b"x" * (64 << 10))
            assert sender.receive_frame().opcode == TEXT
        assert server.peak_resident_bytes() - before <= limit + (8 << 20)
        assert never.buffer == b""
