"""Fixtures: every process is started on a free port and gone when its test is."""

import pytest
from websockets.sync.client import connect, unix_connect

from deadline import DEADLINE_S
from example_server import MODE, ExampleServer, example_path, raise_descriptor_limit
from process_tree import Builds, ProcessServer
from raw_client import RawClient


MEASUREMENTS = pytest.StashKey()


def pytest_configure(config):
    raise_descriptor_limit()
    config.stash[MEASUREMENTS] = []


def pytest_collection_modifyitems(config, items):
    """The run in Process mode leaves out what the one in Base mode has shown already."""
    if MODE == "base":
        return
    def is_shown(item):
        # They start their servers in Process mode whatever the run.
        return "start_processes" in item.fixturenames or item.get_closest_marker("without_worker")
    config.hook.pytest_deselected(items=[item for item in items if is_shown(item)])
    items[:] = [item for item in items if not is_shown(item)]


def pytest_terminal_summary(terminalreporter, config):
    if config.stash[MEASUREMENTS]:
        terminalreporter.section("measured")
        for line in config.stash[MEASUREMENTS]:
            terminalreporter.write_line(line)


@pytest.fixture
def measured(request):
    """`measured("10,000 connections in 3 s")`: a line for the end of the run, whether the test passes or not."""
    return request.config.stash[MEASUREMENTS].append


@pytest.fixture
def start():
    """`start("echo", "--max-message", 4096)`: a running example, ended with the test."""
    servers = []

    def start_example(name, *flags, **options):
        servers.append(ExampleServer(name, *flags, **options))
        return servers[-1]

    yield start_example
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def builds(tmp_path_factory):
    """`builds("echo")`: two copies of an example, told apart by which file a process executes."""
    made = {}

    def builds_of(name):
        if name not in made:
            made[name] = Builds(example_path(name), tmp_path_factory.mktemp(name))
        return made[name]

    return builds_of


@pytest.fixture
def start_processes(builds, tmp_path_factory):
    """`start_processes("echo", workers=2)`: an example in Process mode; all its processes are ended with the test."""
    servers = []

    def start_example(name, *flags, **options):
        options = {"builds": builds(name), "folder": tmp_path_factory.mktemp("server")} | options
        servers.append(ProcessServer(name, *flags, **options))
        return servers[-1]

    yield start_example
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def echo():
    """An `echo` with its defaults, for the tests that leave it as they found it."""
    server = ExampleServer("echo")
    yield server
    assert server.process.poll() is None, "the echo server died during the tests"
    server.stop()


@pytest.fixture
def client():
    """`client(server)`: an open connection of the `websockets` library, which answers pings by itself."""
    connections = []

    def open_connection(server, **options):
        options = {"max_size": None, "max_queue": None, "ping_interval": None, "open_timeout": DEADLINE_S} | options
        connections.append(connect(server.uri, proxy=None, legacy=True, **options))
        return connections[-1]

    yield open_connection
    for connection in connections:
        connection.close_socket()


@pytest.fixture
def unix_client():
    connections = []

    def open_connection(path):
        connections.append(unix_connect(path, legacy=True))
        return connections[-1]

    yield open_connection
    for connection in connections:
        connection.close_socket()


@pytest.fixture
def raw():
    """`raw(server)`: a connection that does only what it is told to."""
    connections = []

    def open_connection(server, **options):
        connections.append(RawClient(server.address, **options))
        return connections[-1]

    yield open_connection
    for connection in connections:
        connection.close()
