"""TLS, judged by OpenSSL and by Python's clients: both versions, resumption, ALPN, key files, what is not TLS, and SIGHUP."""

import asyncio
import http.client
import signal
import socket
import ssl
import subprocess

import pytest
from websockets.asyncio.client import connect

from deadline import DEADLINE_S, wait_until

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
KEYS = {
    "rsa, pkcs8": ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa, pkcs1": ["genrsa", "-traditional", "2048"],
    "p-256, sec1": ["ecparam", "-genkey", "-name", "prime256v1"],
    "p-384, pkcs8": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ed25519": ["genpkey", "-algorithm", "ED25519"],
}


def openssl(*arguments, stdin=b"", check=True):
    # Finding the primes of a key takes luck.
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, timeout=4 * DEADLINE_S)
    assert not check or done.returncode == 0, done.stderr.decode()
    return (done.stdout + done.stderr).decode(errors="replace")


def make_certificate(folder, key=KEYS["p-256, sec1"]):
    (folder / "key.pem").write_text(openssl(*key).split("-----END EC PARAMETERS-----\n")[-1])
    openssl("req", "-x509", "-new", "-key", folder / "key.pem", "-out", folder / "cert.pem", "-days", 2,
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")


@pytest.fixture
def folder(tmp_path):
    make_certificate(tmp_path)
    return tmp_path


@pytest.fixture
def secure(start, folder):
    def begin(*flags, name="echo"):
        return start(name, "--tls-cert", folder / "cert.pem", "--tls-key", folder / "key.pem", *flags)

    return begin


def context(folder, **settings):
    trust = ssl.create_default_context(cafile=folder / "cert.pem")
    for name, value in settings.items():
        setattr(trust, name, value)
    return trust


class Wss:
    """A client of `websockets` in one thread. Its other kind reads in a second one, and in Python before 3.13 two threads at one TLS
    stream take the bytes out of each other's hands."""

    def __init__(self, server, folder, **settings):
        host, port = server.address
        self._runner = asyncio.Runner()
        self._client = self._run(self._connect(f"wss://{host}:{port}/", context(folder, **settings)))
        self.version = self._client.transport.get_extra_info("ssl_object").version()

    @staticmethod
    async def _connect(url, trust):
        return await connect(url, ssl=trust, compression=None, max_size=None, ping_interval=None, proxy=None)

    def _run(self, coroutine):
        return self._runner.run(asyncio.wait_for(coroutine, DEADLINE_S))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._run(self._client.close())
        self._runner.close()

    def echo(self, message):
        self._run(self._client.send(message))
        return self._run(self._client.recv())


def s_client(server, *arguments, stdin=REQUEST, check=True):
    host, port = server.address
    return openssl("s_client", "-connect", f"{host}:{port}", "-ign_eof", *arguments, stdin=stdin, check=check)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_messages_come_back_in_both_versions(secure, folder, version):
    with Wss(secure(), folder, minimum_version=version, maximum_version=version) as client:
        assert client.version == version.name.replace("_", ".")
        for message in ["", "grüße, 你好", "x" * (1 << 20), b"", b"\x00\xff" * 500_000]:
            assert client.echo(message) == message


def test_the_end_of_the_session_is_told(secure, folder):
    host, port = secure().address
    with socket.create_connection((host, port), DEADLINE_S) as plain:
        with context(folder).wrap_socket(plain, server_hostname="localhost") as stream:
            stream.sendall(REQUEST)
            answer = b""
            # Without close_notify this raises SSLEOFError: `suppress_ragged_eofs` is for those who do not care.
            stream.suppress_ragged_eofs = False
            while part := stream.recv(4096):
                answer += part
    assert answer.startswith(b"HTTP/1.1 426 ")


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_key_may_be_of_any_common_kind(start, tmp_path, key):
    make_certificate(tmp_path, key)
    server = start("echo", "--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem")
    with Wss(server, tmp_path) as client:
        assert client.echo("hello") == "hello"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_resumes_its_session(secure, folder, version):
    server, session = secure(), folder / "session"
    first = s_client(server, version, "-sess_out", session)
    assert "\nNew, TLSv1" in first and "HTTP/1.1 426 " in first
    second = s_client(server, version, "-sess_in", session)
    assert "\nReused, TLSv1" in second and "HTTP/1.1 426 " in second


def test_a_session_without_tickets_is_resumed_too(secure):
    said = s_client(secure(), "-tls1_2", "-no_ticket", "-reconnect")
    assert said.count("\nReused, TLSv1.2") == 5, said


def test_http_1_1_is_agreed_on_and_nothing_else(secure):
    server = secure()
    assert "ALPN protocol: http/1.1" in s_client(server, "-alpn", "h2,http/1.1")
    refused = s_client(server, "-alpn", "h2", check=False)
    assert "alert no application protocol" in refused, refused


def test_older_versions_are_refused_by_an_alert(secure):
    refused = s_client(secure(), "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", check=False)
    assert "SSL alert number" in refused and "HTTP/1.1" not in refused, refused


def test_plain_http_is_redirected(secure):
    host, port = secure().address
    plain = http.client.HTTPConnection(host, port, timeout=DEADLINE_S)
    plain.request("GET", "/a?b=c")
    answer = plain.getresponse()
    assert (answer.status, answer.getheader("Location")) == (308, f"https://{host}:{port}/a?b=c")
    plain.close()
    plain.request("POST", "/", body="no")
    answer = plain.getresponse()
    assert answer.status == 400 and b"https://" in answer.read()


def test_tls_where_none_is_spoken_ends_at_once(start):
    host, port = start("echo").address
    with socket.create_connection((host, port), DEADLINE_S) as plain:
        with pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


def served(server):
    host, port = server.address
    return ssl.get_server_certificate((host, port), timeout=DEADLINE_S)


def test_sighup_serves_new_files_and_refuses_broken_ones(secure, folder):
    server = secure()
    with Wss(server, folder) as old:
        first = served(server)
        make_certificate(folder)
        second = (folder / "cert.pem").read_text()
        server.signal(signal.SIGHUP)
        wait_until(lambda: served(server) == second, "the new certificate is served")
        assert first != second
        (folder / "cert.pem").write_text(first)
        server.signal(signal.SIGHUP)
        wait_until(lambda: "is not that of the first certificate" in server.stderr(), "the log says what is wrong")
        assert served(server) == second
        assert old.echo("still here") == "still here"


def test_files_that_do_not_belong_together_do_not_start(folder, tmp_path_factory):
    from example_server import example_path

    other = tmp_path_factory.mktemp("other")
    make_certificate(other)
    files = ["--tls-cert", folder / "cert.pem", "--tls-key", other / "key.pem"]
    done = subprocess.run([example_path("echo"), "--listen", "127.0.0.1:0", *files], capture_output=True, timeout=DEADLINE_S)
    assert done.returncode != 0
    assert b"is not that of the first certificate" in done.stderr, done.stderr
