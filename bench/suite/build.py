"""Builds the generator, the floor, the examples and the peers, in release mode."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .servers import Places, Server


@dataclass(frozen=True)
class Built:
    """What can be measured."""

    places: Places
    servers: list[Server]
    left_out: list[str]
    """Why a server is missing from the result."""

    @property
    def generator(self) -> Path:
        return self.places.target / "release/bench-load"


def _run(command: list[str], directory: Path) -> None:
    print("$", " ".join(command), file=sys.stderr)
    subprocess.run(command, cwd=directory, check=True, stdout=sys.stderr)


def _target_directory(manifest: Path) -> Path:
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1", "--manifest-path", str(manifest)],
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(json.loads(metadata.stdout)["target_directory"])


def build(bench: Path, selected: list[Server], chat: bool = False) -> Built:
    """Builds what the selected servers need, and the chat if it is wanted; peers whose tools are not installed are left out."""
    root, rust, node = bench.parent, bench / "peers/rust", bench / "peers/node"
    groups = {server.group for server in selected}
    left_out = []
    _run(["cargo", "build", "--release", "--locked", "-p", "switchboard-bench"], root)
    if "switchboard" in groups:
        examples = ["--example", "echo", "--example", "broadcast", "--example", "crash"]
        _run(["cargo", "build", "--release", "--locked", "-p", "switchboard", *examples], root)
    if chat:
        _run(["cargo", "build", "--release", "--locked", "-p", "switchboard-chat"], root)
    if "rust" in groups:
        _run(["cargo", "build", "--release", "--locked"], rust)
    if "node" in groups:
        if shutil.which("node") and shutil.which("npm"):
            if not _installed(node):
                _run(["npm", "ci", "--no-audit", "--no-fund"], node)
        else:
            names = ", ".join(server.name for server in selected if server.group == "node")
            left_out.append(f"{names}: Node and npm are not installed")
            groups.discard("node")
    places = Places(
        bench=bench,
        target=_target_directory(root / "Cargo.toml"),
        peers_target=_target_directory(rust / "Cargo.toml"),
    )
    return Built(places, [server for server in selected if server.group in groups], left_out)


def _installed(node: Path) -> bool:
    """Whether node_modules is as new as the lock file; npm writes this file last."""
    marker = node / "node_modules/.package-lock.json"
    return marker.exists() and os.path.getmtime(marker) >= os.path.getmtime(node / "package-lock.json")
