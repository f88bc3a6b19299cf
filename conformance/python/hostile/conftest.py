"""The servers under attack, started when the first case wants them and kept to the last: what one case leaves adds up."""

import pytest

from hostile.fortress import Fortress, chat_fortress


@pytest.fixture(scope="session")
def fortresses(tmp_path_factory):
    """`fortresses("echo", "--max-message", 4096)`: the example with these flags; `fortresses("chat")`: the chat server."""
    standing = {}

    def fortress(name, *flags, **options):
        key = name, flags, repr(options)
        if key not in standing:
            if name == "chat":
                standing[key] = chat_fortress(tmp_path_factory.mktemp("chat"))
            else:
                standing[key] = Fortress(name, *flags, **options)
        return standing[key]

    yield fortress
    for each in standing.values():
        each.stop()


@pytest.fixture(scope="session")
def echo_fortress(fortresses):
    return fortresses("echo")
