"""Message size and number of connections: what is within the limit works, what is beyond is refused by name."""

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from deadline import wait_until
from raw_client import BINARY, CONTINUATION, TEXT, upgrade_request

TOO_BIG = 1009


@pytest.mark.parametrize("message_bytes_max", [1, 125, 4096, 65536])
def test_a_message_of_the_maximum_size_comes_back_and_one_byte_more_is_1009(start, client, message_bytes_max):
    server = start("echo", "--max-message", message_bytes_max)
    connection = client(server)
    connection.send(b"x" * message_bytes_max)
    assert connection.recv(20) == b"x" * message_bytes_max
    connection.send(b"x" * (message_bytes_max + 1))
    with pytest.raises(ConnectionClosed) as closed:
        connection.recv(20)
    assert closed.value.rcvd.code == TOO_BIG
    # The server goes on.
    another = client(server)
    another.send("x")
    assert another.recv(20) == "x"


def test_the_maximum_holds_for_the_sum_of_the_fragments(start, raw):
    connection = raw(start("echo", "--max-message", 100))
    connection.send_frame(TEXT, b"x" * 60, fin=False)
    connection.send_frame(CONTINUATION, b"x" * 40)
    assert connection.receive_frame() == (True, TEXT, b"x" * 100)
    connection.send_frame(TEXT, b"x" * 60, fin=False)
    connection.send_frame(CONTINUATION, b"x" * 41)
    assert connection.receive_close() == TOO_BIG


def test_a_size_that_is_only_announced_is_refused_before_it_arrives(start, raw):
    server = start("echo", "--reactors", 1, "--max-message", 4096)
    connection = raw(server)
    connection.send_frame(BINARY, bytes(4096))
    assert connection.receive_frame().opcode == BINARY
    before = server.resident_bytes()
    # 8 EiB - 1, the largest length that the header can hold (RFC 6455 §5.2).
    connection.send(bytes([0x80 | BINARY, 0x80 | 127]) + ((1 << 63) - 1).to_bytes(8, "big") + bytes(4))
    assert connection.receive_close() == TOO_BIG
    assert server.resident_bytes() - before < 1 << 20


def test_the_default_maximum_is_2_mib(echo, raw):
    connection = raw(echo)
    connection.send_frame(BINARY, bytes(1 << 21))
    assert connection.receive_frame() == (True, BINARY, bytes(1 << 21))
    connection.send_frame(BINARY, bytes((1 << 21) + 1))
    assert connection.receive_close() == TOO_BIG


def test_connections_beyond_the_maximum_get_503_until_one_leaves(start, client, raw):
    server = start("echo", "--max-connections", 3)
    held = [client(server) for _ in range(3)]

    with pytest.raises(InvalidStatus) as refused:
        client(server)
    assert refused.value.response.status_code == 503
    assert int(refused.value.response.headers["Retry-After"]) >= 1

    # The same on the wire, for a client that looks at nothing but bytes.
    excess = raw(server, upgrade=False)
    excess.send(upgrade_request())
    response = excess.receive_http()
    assert response.status == 503
    excess.receive_end()

    for number, connection in enumerate(held):
        connection.send(f"held {number}")
        assert connection.recv(20) == f"held {number}"

    held[0].close()

    def connects_again():
        try:
            return client(server)
        except InvalidStatus as refusal:
            assert refusal.response.status_code == 503
            return None

    newcomer = wait_until(connects_again, "the place of the one that left is free again")
    newcomer.send("in")
    assert newcomer.recv(20) == "in"


def test_a_client_that_vanishes_gives_its_place_back(start, raw):
    server = start("echo", "--max-connections", 1)
    for n in range(20):
        def connects(n=n):
            connection = raw(server, upgrade=False)
            connection.send(upgrade_request())
            if connection.receive_http().status == 503:
                return None
            return connection

        connection = wait_until(connects, f"place given back after {n} clients that vanished")
        connection.send_frame(TEXT, b"here")
        assert connection.receive_frame() == (True, TEXT, b"here")
        connection.close()


def test_no_connection_leaves_a_descriptor_behind(start, raw):
    server = start("echo")
    listeners = server.open_sockets()
    for n in range(50):
        connection = raw(server)
        connection.send_frame(TEXT, b"x")
        connection.receive_frame()
        if n % 2:
            connection.send_frame(8)
            connection.receive_close()
        connection.close()
    wait_until(lambda: server.open_sockets() == listeners, "every socket but the listeners is closed")
