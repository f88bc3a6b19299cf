"""The servers that are compared. Each is started as `COMMAND --listen 127.0.0.1:0` and says on stdout where it listens."""

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

FLOOR = "floor"
TICK = "tick"
SUBJECT = "switchboard"
PROCESSES = "switchboard-process"
"""The subject in Process mode: what a second hop costs."""
RIVAL = "uwebsockets"
"""The fastest that people use, and the one that the subject is to be ahead of."""

_PEER_PROGRAMS = frozenset({"echo", "broadcast", "burst", "group"})


@dataclass(frozen=True)
class Places:
    """Where the built programs are."""

    bench: Path
    target: Path
    """Target directory of the main workspace."""
    peers_target: Path
    """Target directory of the peers in Rust."""
    scratch: Path = Path()
    """For what servers write, and for a certificate; there while the loads run."""

    @property
    def certificate(self) -> Path:
        return self.scratch / "cert.pem"

    @property
    def key(self) -> Path:
        return self.scratch / "key.pem"


@dataclass(frozen=True)
class Server:
    """One of the servers."""

    name: str
    group: str
    """What has to be built: `floor`, `switchboard`, `rust`, `node` or `python`."""
    command: Callable[[Places, str], list[str]]
    """What runs one of the programs, with its arguments but --listen."""
    version: Callable[[Places], str]
    note: str = ""
    """How it is run, for RESULTS.md."""
    programs: frozenset[str] = _PEER_PROGRAMS
    """What it can do. `echo`: a message back to its sender; `broadcast`: to all; `burst`: the same, for many senders; `group`: the
    same, all connections being in one group or topic; `deflate`, `tls`: `broadcast`, compressed or by TLS; `chat`."""
    has_aims: bool = False
    """The table of aims names it, so that even a quick run measures it under every load."""
    dialect: str = "plain"
    """How the load generator has to speak to it."""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def is_peer(self) -> bool:
        """Somebody else's: what is wrong with it ends no run."""
        return self.group not in ("floor", "switchboard")


def _plain(program: str) -> str:
    """What peers do for each program: to all of them everybody is in one topic anyway."""
    return "echo" if program == "echo" else "broadcast"


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


def _pypi_version(package: str) -> Callable[[Places], str]:
    def version(places: Places) -> str:
        wanted = (places.bench / "peers/python/requirements.txt").read_text(encoding="utf-8")
        match = re.search(rf"^{re.escape(package)}==(.+)$", wanted, re.MULTILINE)
        python = [str(python_of(places.bench)), "--version"]
        said = subprocess.run(python, capture_output=True, text=True, check=True).stdout.strip()
        return f"PyPI {package} {match.group(1) if match else '?'} on {said}"

    return version


def _rust_peer(name: str, crate: str, note: str) -> Server:
    return Server(
        name=name,
        group="rust",
        command=lambda places, program: [
            str(places.peers_target / "release" / f"peer-{name}"),
            _plain(program),
        ],
        version=_crate_version(crate),
        note=note,
    )


def _node_peer(name: str, note: str, has_aims: bool = False, dialect: str = "plain") -> Server:
    return Server(
        name=name,
        group="node",
        command=lambda places, program: [
            "node",
            str(places.bench / "peers/node" / f"peer-{name}.mjs"),
            _plain(program),
        ],
        version=_npm_version(name),
        note=note,
        has_aims=has_aims,
        dialect=dialect,
        environment={"NODE_ENV": "production"},
    )


def python_of(bench: Path) -> Path:
    """The interpreter of the peers in Python."""
    return bench / "peers/python/.venv/bin/python"


def libuv_of(bench: Path) -> Path:
    """Where libuv is unpacked if the system has none."""
    return bench / "peers/python/libuv"


def library_path(bench: Path) -> str:
    """For the dynamic linker: where libuv was unpacked."""
    return ":".join(str(folder) for folder in sorted(libuv_of(bench).glob("usr/lib/*/")))


def _python_peer(name: str, note: str) -> Server:
    def command(places: Places, program: str) -> list[str]:
        script = places.bench / "peers/python" / f"peer-{name}.py"
        environment = f"LD_LIBRARY_PATH={library_path(places.bench)}"
        return ["env", environment, str(python_of(places.bench)), str(script), _plain(program)]

    return Server(name=name, group="python", command=command, version=_pypi_version(name), note=note)


# More than any load opens, so that the limit is not what is measured.
_SWITCHBOARD_FLAGS = ["--reactors", "1", "--workers", "1", "--max-connections", "20000"]


def _switchboard(name: str, mode: str, note: str) -> Server:
    def command(places: Places, program: str) -> list[str]:
        release = places.target / "release"
        if program == "chat":
            flags = ["--rate-limits", "0", "--log", "error", "--data", str(places.scratch / name)]
            return [str(release / "switchboard-chat"), f"--mode={mode}", *_SWITCHBOARD_FLAGS, *flags]
        further = {
            "group": ["--group"],
            "deflate": ["--deflate"],
            "tls": ["--tls-cert", str(places.certificate), "--tls-key", str(places.key)],
        }
        example = release / "examples" / _plain(program)
        return [str(example), f"--mode={mode}", *_SWITCHBOARD_FLAGS, *further.get(program, [])]

    return Server(
        name=name,
        group="switchboard",
        command=command,
        version=_workspace_version,
        note=note,
        programs=_PEER_PROGRAMS | {"deflate", "tls", "chat"},
        has_aims=True,
    )


def _floor(name: str, programs: frozenset[str], note: str) -> Server:
    return Server(
        name=name,
        group="floor",
        command=lambda places, program: [
            str(places.target / "release" / f"bench-{name}"),
            _plain(program),
        ],
        version=_workspace_version,
        note=note,
        programs=programs,
        has_aims=True,
    )


ALL = [
    _floor(
        FLOOR,
        _PEER_PROGRAMS,
        "bare epoll loop, no checks; one send for each connection and message (broadcast) or each read (echo)",
    ),
    _floor(
        TICK,
        frozenset({"burst"}),
        "the same, but one send for each connection and turn of the loop; measured where there are several senders",
    ),
    _switchboard(SUBJECT, "base", "the examples `echo` and `broadcast`, and the chat, Base mode, one reactor"),
    _switchboard(PROCESSES, "process", "the same in Process mode: master, manager, one worker (and the chat's hub)"),
    _node_peer(RIVAL, "uWebSockets in C++ under JavaScript handlers; `publish` to a topic", has_aims=True),
    _python_peer("socketify", "uWebSockets in C++ under Python handlers; `publish` to a topic"),
    _rust_peer("fastwebsockets", "fastwebsockets", "behind hyper, one write for each frame"),
    _rust_peer("tungstenite", "tokio-tungstenite", "feeds all that is ready, then flushes"),
    _rust_peer("tokio-websockets", "tokio-websockets", "reads all that is ready, feeds it, then flushes"),
    _rust_peer("axum", "axum", "its WebSocket extractor (an older tungstenite), one flush for each message"),
    _node_peer("ws", "the usual choice on Node"),
    _node_peer(
        "socket.io",
        "by WebSocket alone; its own framing and JSON are around every message",
        dialect="socket-io",
    ),
]
