"""Message size and number of connections: what is within the limit works, what is beyond is refused by name."""

import contextlib
import threading

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from deadline import wait_until
from raw_client import BINARY, CLOSE, CONTINUATION, TEXT, close_code, encode_frame, upgrade_request

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


def test_an_address_beyond_its_connections_gets_429_until_one_leaves(start, raw):
    server = start("echo", "--max-connections-per-address", 2)
    held = [raw(server) for _ in range(2)]
    excess = raw(server, upgrade=False)
    excess.send(upgrade_request())
    response = excess.receive_http()
    assert response.status == 429 and int(response.headers["retry-after"]) >= 1
    held.pop().close()

    def enters():
        connection = raw(server, upgrade=False)
        connection.send(upgrade_request())
        return connection if connection.receive_http().status == 101 else None

    wait_until(enters, "the place is free again")


def test_an_address_that_connects_too_often_gets_429(start, raw):
    server = start("echo", "--handshakes-per-second", 1)
    statuses = []
    for _ in range(40):
        connection = raw(server, upgrade=False)
        connection.send(upgrade_request())
        statuses.append(connection.receive_http().status)
        connection.close()
    assert statuses[:10] == [101] * 10 and 429 in statuses


def test_a_client_behind_trusted_proxies_is_limited_by_its_own_address(start, raw):
    server = start("echo", "--max-connections-per-address", 1, "--trusted-proxy", "127.0.0.0/8")

    def status(client):
        connection = raw(server, upgrade=False)
        connection.send(upgrade_request(headers={"X-Forwarded-For": client}))
        return connection.receive_http().status

    clients = ["203.0.113.7", "203.0.113.8", "6.6.6.6, 203.0.113.7", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
    assert [status(client) for client in clients] == [101, 101, 429, 101, 429, 101]


def test_a_client_behind_the_proxy_protocol_is_limited_by_its_own_address(start, raw):
    server = start("echo", "--max-connections-per-address", 1, "--proxy-protocol")

    def status(client):
        connection = raw(server, upgrade=False)
        connection.send(f"PROXY TCP4 {client} 127.0.0.1 4711 80\r\n".encode() + upgrade_request())
        return connection.receive_http().status

    assert [status(client) for client in ["203.0.113.7", "203.0.113.7", "203.0.113.8"]] == [101, 429, 101]
    without = raw(server, upgrade=False)
    without.send(upgrade_request())
    without.receive_end()


@pytest.mark.parametrize("flag", ["--messages-per-second", "--bytes-per-second"])
def test_who_never_lets_up_is_slowed_down_and_closed_with_1008(start, raw, flag):
    server = start("echo", "--reactors", 1, flag, 100, "--rate-grace", 1)
    flood = raw(server)

    def send_all_along():
        frames = b"".join(encode_frame(TEXT, b"flood") for _ in range(1000))
        with contextlib.suppress(OSError):
            while True:
                flood.send(frames)

    sender = threading.Thread(target=send_all_along, daemon=True)
    sender.start()
    while (frame := flood.receive_data()) is not None and frame.opcode != CLOSE:
        pass
    assert frame is not None and close_code(frame.payload) == 1008
    flood.close()
    sender.join(20)
    # Somebody else was never held.
    another = raw(server)
    another.send_frame(TEXT, b"x")
    assert another.receive_data().payload == b"x"
