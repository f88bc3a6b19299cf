"""Runs every load against every server, in shuffled rounds, servers on one core and the generator on another."""

import dataclasses
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import certificate, machine
from .build import Built
from .loads import Load, Plan
from .servers import Server

# A server that needs longer to start, or a run that takes longer, has failed.
_START_SECONDS = 15
_RUN_SECONDS = 120
# Of why a peer could not be started.
_REASON_CHARACTERS = 300


@dataclass(frozen=True)
class Run:
    """One load against one server."""

    round: int
    server: str
    load: Load
    report: dict[str, Any] | None
    """What the generator has found; None if it could not finish."""
    fault: str = ""
    """Why it could not."""

    @property
    def faultless(self) -> bool:
        return self.report is not None and not any(
            count for name, count in self.report["errors"].items() if name != "first_loss"
        )


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    process: subprocess.Popen[bytes]
    address: str


@contextmanager
def start(built: Built, server: Server, program: str) -> Iterator[Running]:
    """Runs one of the programs of a server on the core of the servers, until the end of the block."""
    core, _ = machine.cores()
    command = [*server.command(built.places, program), "--listen", "127.0.0.1:0"]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=complaints,
            env={**os.environ, **server.environment},
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
        try:
            yield Running(process, _address(process, output, complaints, server.name))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _address(process: subprocess.Popen[bytes], output: Any, complaints: Any, name: str) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        match = re.search(rb"(?:listening on |ready at http://)(\S+)\n", os.pread(output.fileno(), 4096, 0))
        if match:
            return match.group(1).decode()
        time.sleep(0.02)
    said = os.pread(complaints.fileno(), 4096, 0).decode(errors="replace").strip()
    raise RuntimeError(f"{name} did not start: {said or 'it said nothing'}")


def _generator_flags(built: Built, server: Server, load: Load) -> list[str]:
    """What the generator has to know about the server beside its address."""
    by_program = {
        "deflate": ["--deflate"],
        "tls": [f"--tls-ca={built.places.certificate}"],
        "chat": ["--dialect=chat"],
    }
    return by_program.get(load.program, [f"--dialect={server.dialect}"])


def _run(built: Built, server: Server, running: Running, load: Load) -> tuple[dict[str, Any] | None, str]:
    _, core = machine.cores()
    command = [str(built.generator), load.arguments[0], f"--connect={running.address}"]
    command += [f"--server-pid={running.process.pid}", *load.arguments[1:]]
    command += _generator_flags(built, server, load)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"no result within {_RUN_SECONDS} s"
    if done.returncode not in (0, 1) or not done.stdout.strip():
        return None, (done.stderr.strip().splitlines() or ["the generator said nothing"])[-1]
    return json.loads(done.stdout), ""


_Shared = dict[tuple[str, ...], Running]
"""By server and command: what several programs come to is started once."""


def _shared_key(built: Built, server: Server, program: str) -> tuple[str, ...]:
    return server.name, *server.command(built.places, program)


def _run_once(built: Built, server: Server, load: Load, number: int, shared: _Shared) -> Run:
    if load.fresh:
        try:
            with start(built, server, load.program) as running:
                report, fault = _run(built, server, running, load)
        except RuntimeError as failure:
            report, fault = None, str(failure)
    else:
        running = shared[_shared_key(built, server, load.program)]
        report, fault = _run(built, server, running, load)
    return Run(number, server.name, load, report, fault)


def _line(run: Run) -> dict[str, Any]:
    said = {"round": run.round, "server": run.server, "measure": run.load.measure, "load": run.load.name}
    return {**said, "fault": run.fault, **(run.report or {})}


def _start_shared(built: Built, plan: Plan, stack: ExitStack) -> tuple[Built, _Shared]:
    """Starts the servers that loads share. A peer that cannot be started is left out, with all that it could do."""
    shared: _Shared = {}
    servers, left_out = [], list(built.left_out)
    for server in built.servers:
        programs = {load.program for load in plan.loads if not load.fresh} & server.programs
        try:
            for program in sorted(programs):
                key = _shared_key(built, server, program)
                if key not in shared:
                    shared[key] = stack.enter_context(start(built, server, program))
            servers.append(server)
        except RuntimeError as failure:
            if not server.is_peer:
                raise
            reason = " ".join(str(failure).replace(str(built.places.bench), "bench").split())
            left_out.append(reason[:_REASON_CHARACTERS])
    return dataclasses.replace(built, servers=servers, left_out=left_out), shared


def _round(built: Built, plan: Plan, number: int, shared: _Shared, order: random.Random) -> Iterator[Run]:
    units = plan.units(number)
    order.shuffle(units)
    for unit in units:
        servers = [server for server in built.servers if plan.take_part(server, unit, number)]
        order.shuffle(servers)
        for server in servers:
            for load in order.sample(unit, len(unit)):
                yield _run_once(built, server, load, number, shared)


def measure(built: Built, plan: Plan, seed: int, raw: Path | None) -> tuple[Built, list[Run]]:
    """All rounds, and what was built without the peers that could not be started. Servers that any load shares are started
    once; one that fails to run a load goes on with the next."""
    order = random.Random(seed)
    runs: list[Run] = []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="switchboard-bench-")))
        built = dataclasses.replace(built, places=dataclasses.replace(built.places, scratch=scratch))
        if any(load.program == "tls" for load in plan.loads):
            certificate.make(built.places)
        record = stack.enter_context(raw.open("w", encoding="utf-8")) if raw else None
        built, shared = _start_shared(built, plan, stack)
        for number in range(max(plan.rounds.values()) if plan.loads else 0):
            for run in _round(built, plan, number, shared, order):
                runs.append(run)
                _progress(run)
                if record:
                    record.write(json.dumps(_line(run)) + "\n")
    return built, runs


def _progress(run: Run) -> None:
    traffic = (run.report or {}).get("traffic") or {}
    cpu = traffic.get("server_cpu_us_per_delivery")
    figure = run.fault or (f"{cpu:.3f} µs CPU a delivery" if cpu is not None else "done")
    wrong = f"  {run.report['errors']}" if run.report and not run.faultless else ""
    print(f"round {run.round + 1}  {run.load.name:<28} {run.server:<16} {figure}{wrong}", file=sys.stderr)
