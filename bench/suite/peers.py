"""Installs the peers in Node and Python from their registries. What cannot be had is left out of the result, which says why."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .servers import libuv_of, library_path, python_of


class Unavailable(Exception):
    """Why a peer cannot be measured on this machine."""


def run(command: list[str], directory: Path) -> None:
    """Shows the command and its output on stderr."""
    print("$", " ".join(command), file=sys.stderr)
    subprocess.run(command, cwd=directory, check=True, stdout=sys.stderr)


def _try(what: str, command: list[str], directory: Path) -> None:
    """For what others can do without. The reason names no folder of this machine, as it is printed in RESULTS.md."""
    try:
        run(command, directory)
    except subprocess.CalledProcessError as failure:
        raise Unavailable(f"{what} ended with exit code {failure.returncode}") from failure
    except OSError as failure:
        raise Unavailable(f"{what} cannot be run: {failure.strerror}") from failure


def rust(folder: Path) -> None:
    """Builds the peers in Rust."""
    _try("cargo build", ["cargo", "build", "--release", "--locked"], folder)


def node(folder: Path) -> None:
    """Installs what the lock file says, if it is not there yet."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise Unavailable("Node and npm are not installed")
    # npm writes this file last.
    marker = folder / "node_modules/.package-lock.json"
    if not marker.exists() or os.path.getmtime(marker) < os.path.getmtime(folder / "package-lock.json"):
        _try("npm ci", ["npm", "ci", "--no-audit", "--no-fund"], folder)


def python(folder: Path) -> None:
    """Makes a virtual environment of the requirements, if it is not there yet, and tries whether they can be imported."""
    interpreter, wanted = python_of(folder.parents[1]), folder / "requirements.txt"
    installed = folder / ".venv/requirements.txt"
    if not installed.exists() or installed.read_bytes() != wanted.read_bytes():
        _try("venv", [sys.executable, "-m", "venv", "--clear", str(folder / ".venv")], folder)
        pip = [str(interpreter), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        _try("pip install", [*pip, "-r", str(wanted)], folder)
        installed.write_bytes(wanted.read_bytes())
    complaint = _import_error(interpreter, folder)
    if "libuv" in complaint:
        _fetch_libuv(folder)
        complaint = _import_error(interpreter, folder)
    if complaint:
        raise Unavailable(f"it cannot be imported ({complaint})")


def _import_error(interpreter: Path, folder: Path) -> str:
    """Empty if socketify can be used. The processor or the C library may not be those that its binary was built for."""
    done = subprocess.run(
        [str(interpreter), "-c", "import socketify; socketify.App()"],
        env={**os.environ, "LD_LIBRARY_PATH": library_path(folder.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return ""
    said = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
    # Not where this machine keeps it.
    return said.replace(str(folder), "…")


def _fetch_libuv(folder: Path) -> None:
    """The binary of socketify needs libuv, which the package does not bring along; Debian's is unpacked beside it, so that
    nothing of the system is changed."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise Unavailable("libuv is missing: install libuv.so.1 (on Debian the package libuv1)")
    target = libuv_of(folder.parents[1])
    target.mkdir(exist_ok=True)
    try:
        _try("fetching libuv1", ["apt-get", "-q", "download", "libuv1"], target)
    except Unavailable as failure:
        raise Unavailable("libuv is missing, and apt-get could not fetch it: install libuv1") from failure
    for package in target.glob("libuv1_*.deb"):
        _try("unpacking libuv1", ["dpkg-deb", "-x", str(package), str(target)], target)
