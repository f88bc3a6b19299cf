"""What comes to a port that speaks TLS, and is none; and TLS by clients that mean harm."""

import socket
import ssl
import subprocess
import threading
import time

import pytest

from deadline import DEADLINE_S, wait_until
from hostile.fortress import MIB, expect_close
from hostile.test_resources import reset
from raw_client import BINARY, CLOSE, TEXT, encode_frame, upgrade_request

HANDSHAKE_TIMEOUT_S, ADDED_S = 10, 5


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return folder


@pytest.fixture
def trust(certificate):
    return ssl.create_default_context(cafile=certificate / "cert.pem")


@pytest.fixture
def encrypted(fortresses, certificate):
    """The healthy client comes over a Unix socket, where no TLS is spoken."""
    return fortresses("echo", "--tls-cert", certificate / "cert.pem", "--tls-key", certificate / "key.pem",
                      listen=("127.0.0.1:0", f"unix:{certificate}/socket"))


def client_hello(trust):
    """The first bytes of a right handshake."""
    outgoing = ssl.MemoryBIO()
    session = trust.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


def ends(client, within_s=DEADLINE_S):
    """The stream ends, whatever is sent before."""
    client.socket.settimeout(within_s)
    received = b""
    try:
        while data := client.socket.recv(1 << 16):
            received += data
    except ConnectionResetError:
        pass
    return received


NO_TLS = {
    "noise": bytes(range(256)) * 4,
    "zeros": bytes(1000),
    "a record of an unknown type": b"\x63\x03\x03\0\x05hello",
    "a record of 65,535 bytes": b"\x16\x03\x01\xff\xff" + bytes(65_535),
    "an empty handshake record": b"\x16\x03\x01\0\0" * 100,
    "application data before a handshake": b"\x17\x03\x03\0\x05hello",
    "an alert before a handshake": b"\x15\x03\x03\0\x02\x02\x28",
    "a hello of SSL 2": b"\x80\x2e\x01\0\x02\0\x15\0\0\0\x10" + bytes(37),
    "a handshake message of 16 MiB": b"\x16\x03\x01\x40\0\x01\xff\xff\xff" + bytes(16_380),
    "a hello with a wrong length within": bytes.fromhex("160301000a01000006ffffffffffff"),
}


@pytest.mark.parametrize("name", NO_TLS)
def test_what_is_no_tls_ends_at_once(encrypted, name):
    def attack(server):
        client = server.connect(upgrade=False)
        try:
            client.send(NO_TLS[name])
        except (BrokenPipeError, ConnectionResetError):
            pass
        started = time.monotonic()
        ends(client)
        assert time.monotonic() - started < HANDSHAKE_TIMEOUT_S - 1, "it was kept until the limit of the handshake"

    encrypted.endure(attack)


def test_a_websocket_handshake_without_tls_is_answered_and_not_accepted(encrypted):
    def attack(server):
        client = server.connect(upgrade=False)
        client.send(upgrade_request())
        assert client.receive_http().status in (301, 307, 308, 400, 426)

    encrypted.endure(attack)


def test_slow_tls_handshakes_end_within_the_limit_of_handshakes(encrypted, trust):
    """Nothing, half a hello, a byte each 100 ms: none of it puts the limit off."""
    hello = client_hello(trust)

    def drip(client):
        try:
            for byte in hello[:150]:
                client.send(bytes([byte]))
                time.sleep(0.1)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def attack(server):
        clients = [server.connect(upgrade=False) for _ in range(3)]
        started = time.monotonic()
        clients[1].send(hello[:len(hello) // 2])
        dripping = threading.Thread(target=drip, args=(clients[2],), daemon=True)
        dripping.start()
        for client in clients:
            ends(client, HANDSHAKE_TIMEOUT_S + ADDED_S)
        assert time.monotonic() - started < HANDSHAKE_TIMEOUT_S + ADDED_S
        dripping.join(DEADLINE_S)

    encrypted.endure(attack)


def test_200_clients_that_reset_in_the_middle_of_a_tls_handshake(encrypted, trust):
    hello = client_hello(trust)

    def attack(server):
        for number in range(200):
            client = server.connect(upgrade=False)
            client.send(hello[:number * len(hello) // 199])
            reset(client)

    encrypted.endure(attack)


def test_50_handshakes_that_are_never_finished(encrypted, trust):
    hello = client_hello(trust)

    def attack(server):
        for _ in range(50):
            server.connect(upgrade=False).send(hello)
        with server.connect(tls=trust) as through:
            through.send_frame(TEXT, b"through")
            assert through.receive_frame() == (True, TEXT, b"through")
        assert server.grown_bytes() < 24 * MIB

    encrypted.endure(attack)


def test_noise_behind_a_tls_handshake_ends_the_connection(encrypted, trust):
    def attack(server):
        client = server.connect(tls=trust)
        client.socket = socket.socket(fileno=client.socket.detach())  # from here on without TLS
        client.send(b"\x17\x03\x03\0\x20" + bytes(32))
        ends(client)

    encrypted.endure(attack)


VIOLATIONS = {
    "a reserved opcode": (encode_frame(7), 1002),
    "text that is no UTF-8": (encode_frame(TEXT, b"\xff"), 1007),
    "a message beyond the limit": (b"\x82\xff\x7f" + b"\xff" * 7 + bytes(4), 1009),
}


@pytest.mark.parametrize("data, code", VIOLATIONS.values(), ids=VIOLATIONS)
def test_violations_get_their_code_through_tls(encrypted, trust, data, code):
    def attack(server):
        client = server.connect(tls=trust)
        client.send(data)
        expect_close(client, code)

    encrypted.endure(attack)


def test_a_message_in_records_of_one_byte(encrypted, trust):
    def attack(server):
        client = server.connect(tls=trust)
        for byte in encode_frame(TEXT, b"one byte a record"):
            client.send(bytes([byte]))
        assert client.receive_frame() == (True, TEXT, b"one byte a record")

    encrypted.endure(attack)


def test_a_client_of_tls_that_never_reads_is_bounded(encrypted, trust):
    def attack(server):
        client = server.connect(tls=trust, receive_buffer_bytes=1)
        client.socket.settimeout(1.0)
        try:
            for _ in range(32):
                client.socket.sendall(encode_frame(BINARY, bytes(MIB)))
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
        assert server.grown_bytes() < 24 * MIB

    encrypted.endure(attack)


def test_a_client_that_leaves_without_a_word_of_tls_leaves_nothing(encrypted, trust):
    def attack(server):
        for _ in range(50):
            client = server.connect(tls=trust)
            client.send_frame(CLOSE)
            client.receive_close()
            reset(client)
        wait_until(lambda: server.sockets_left() == 0, "the server has closed their sockets")

    encrypted.endure(attack)
