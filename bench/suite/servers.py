"""The servers that are compared. Each is started as `COMMAND --listen 127.0.0.1:0` and prints `listening on ADDRESS`."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FLOOR = "floor"
SUBJECT = "switchboard"
PROCESSES = "switchboard-process"
"""The subject in Process mode: what a second hop costs."""


@dataclass(frozen=True)
class Places:
    """Where the built programs are."""

    bench: Path
    target: Path
    """Target directory of the main workspace."""
    peers_target: Path
    """Target directory of the peers in Rust."""


@dataclass(frozen=True)
class Server:
    """One of the servers."""

    name: str
    group: str
    """What has to be built: `floor`, `switchboard`, `rust` or `node`."""
    command: Callable[[Places, str], list[str]]
    """The program for `echo` or `broadcast`, with its arguments but --listen."""
    version: Callable[[Places], str]
    note: str = ""
    """How it is run, for RESULTS.md."""
    environment: dict[str, str] = field(default_factory=dict)


def _workspace_version(places: Places) -> str:
    manifest = (places.bench.parent / "Cargo.toml").read_text(encoding="utf-8")
    match = re.search(r'^version = "(.+)"$', manifest, re.MULTILINE)
    return match.group(1) if match else "?"


def _crate_version(crate: str) -> Callable[[Places], str]:
    def version(places: Places) -> str:
        lock = (places.bench / "peers/rust/Cargo.lock").read_text(encoding="utf-8")
        found = re.findall(rf'^name = "{re.escape(crate)}"\nversion = "(.+)"$', lock, re.MULTILINE)
        return f"crate {crate} {found[-1]}" if found else "?"

    return version


def _npm_version(package: str) -> Callable[[Places], str]:
    def version(places: Places) -> str:
        lock = json.loads((places.bench / "peers/node/package-lock.json").read_text(encoding="utf-8"))
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
        return f"npm {package} {lock['packages'][f'node_modules/{package}']['version']} on Node {node}"

    return version


def _rust_peer(name: str, crate: str, note: str) -> Server:
    return Server(
        name=name,
        group="rust",
        command=lambda places, load: [str(places.peers_target / "release" / f"peer-{name}"), load],
        version=_crate_version(crate),
        note=note,
    )


def _node_peer(name: str, note: str) -> Server:
    return Server(
        name=name,
        group="node",
        command=lambda places, load: ["node", str(places.bench / "peers/node" / f"peer-{name}.mjs"), load],
        version=_npm_version(name),
        note=note,
        environment={"NODE_ENV": "production"},
    )


# More than any load opens, so that the limit is not what is measured.
_SWITCHBOARD_FLAGS = ["--reactors", "1", "--workers", "1", "--max-connections", "20000"]


def _switchboard(name: str, mode: str, note: str) -> Server:
    return Server(
        name=name,
        group="switchboard",
        command=lambda places, load: [
            str(places.target / "release/examples" / load),
            f"--mode={mode}",
            *_SWITCHBOARD_FLAGS,
        ],
        version=_workspace_version,
        note=note,
    )


ALL = [
    Server(
        name=FLOOR,
        group="floor",
        command=lambda places, load: [str(places.target / "release/bench-floor"), load],
        version=_workspace_version,
        note="bare epoll loop, no checks; one send for each connection and message (broadcast) or each read (echo)",
    ),
    _switchboard(SUBJECT, "base", "the examples `echo` and `broadcast`, Base mode, one reactor"),
    _switchboard(PROCESSES, "process", "the same in Process mode: master, manager, one worker"),
    _node_peer("uwebsockets", "uWebSockets in C++ under JavaScript handlers; `publish` to a topic"),
    _rust_peer("fastwebsockets", "fastwebsockets", "behind hyper, one write for each frame"),
    _rust_peer("tungstenite", "tokio-tungstenite", "feeds all that is ready, then flushes"),
    _rust_peer("axum", "axum", "its WebSocket extractor (an older tungstenite), one flush for each message"),
    _node_peer("ws", "the usual choice on Node"),
]
