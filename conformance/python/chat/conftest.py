import pytest

from example_server import MODE, ExampleServer, example_path

from .document import Document
from .person import Person, ask_http


@pytest.fixture(scope="module")
def document():
    return Document()


@pytest.fixture
def chat(tmp_path):
    """The chat server, with a database of its own; it says at once that somebody has left."""
    executable = example_path("echo").parent.parent / "switchboard-chat"
    server = ExampleServer("switchboard-chat", "--data", tmp_path / "data", "--mode", MODE, "--workers", 2,
                           "--reactors", 2, "--log", "warn", executable=executable,
                           environment={"SWITCHBOARD_RATE_LIMITS": "0", "SWITCHBOARD_LEAVE_GRACE": "0"})
    yield server
    server.stop()


@pytest.fixture
def person(chat, document):
    """`person("Ann")`: somebody who has come with a session, connected as the document says, and joined these rooms.
    With a password it is an account; the first one is the administrator's. With a cookie it is whoever has that."""
    people = []

    def come(name, rooms=("lobby",), password=None, cookie=None):
        cookie = cookie or ask_http(chat, "POST", "/session", {"name": name})[2]
        if password:
            cookie = ask_http(chat, "POST", "/account", {"password": password}, cookie)[2]
        one = Person(chat, document, cookie)
        people.append(one)
        one.welcome = one.follow("connect", "connect", "welcome", text=name)
        one.notice("connect", "connect", 1)
        for room in rooms:
            one.follow("join", "join", "joined", room=room)
        return one

    yield come
    for one in people:
        one.close()
