"""Builds the generator, the floors, the examples, the chat and the peers, in release mode."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import peers
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


def _target_directory(manifest: Path) -> Path:
    metadata = subprocess.run(
        ["cargo", "metadata", "--no-deps", "--format-version", "1", "--manifest-path", str(manifest)],
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(json.loads(metadata.stdout)["target_directory"])


def build(bench: Path, selected: list[Server], chat: bool = False) -> Built:
    """Builds what the selected servers need, and the chat if it is wanted; peers that cannot be had are left out."""
    root, release = bench.parent, ["cargo", "build", "--release", "--locked"]
    groups = {server.group for server in selected}
    left_out = []
    peers.run([*release, "-p", "switchboard-bench"], root)
    if "switchboard" in groups:
        examples = ["--example", "echo", "--example", "broadcast", "--example", "crash"]
        peers.run([*release, "-p", "switchboard", *examples], root)
    if chat:
        peers.run([*release, "-p", "switchboard-chat"], root)
    installers = {"rust": peers.rust, "node": peers.node, "python": peers.python}
    for group, install in installers.items():
        if group not in groups:
            continue
        try:
            install(bench / "peers" / group)
        except peers.Unavailable as reason:
            names = ", ".join(server.name for server in selected if server.group == group)
            left_out.append(f"{names}: {reason}")
            groups.discard(group)
    places = Places(
        bench=bench,
        target=_target_directory(root / "Cargo.toml"),
        peers_target=_target_directory(bench / "peers/rust/Cargo.toml"),
    )
    return Built(places, [server for server in selected if server.group in groups], left_out)
