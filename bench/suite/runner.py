"""Runs every load against every server, in shuffled rounds, servers on one core and the generator on another."""

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

from . import machine
from .build import Built
from .loads import Load, Plan
from .servers import Server

# A server that needs longer to start, or a run that takes longer, has failed.
_START_SECONDS = 15
_RUN_SECONDS = 120


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
def _start(built: Built, server: Server, program: str) -> Iterator[Running]:
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
        match = re.search(rb"listening on (\S+)\n", os.pread(output.fileno(), 4096, 0))
        if match:
            return match.group(1).decode()
        time.sleep(0.02)
    said = os.pread(complaints.fileno(), 4096, 0).decode(errors="replace").strip()
    raise RuntimeError(f"{name} did not start: {said or 'it said nothing'}")


def _run(built: Built, running: Running, load: Load) -> tuple[dict[str, Any] | None, str]:
    _, core = machine.cores()
    command = [str(built.generator), load.arguments[0], f"--connect={running.address}"]
    command += [f"--server-pid={running.process.pid}", *load.arguments[1:]]
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


def _run_once(built: Built, server: Server, load: Load, number: int, shared: dict[tuple[str, str], Running]) -> Run:
    if load.fresh:
        with _start(built, server, load.program) as running:
            report, fault = _run(built, running, load)
    else:
        report, fault = _run(built, shared[server.name, load.program], load)
    return Run(number, server.name, load, report, fault)


def _line(run: Run) -> dict[str, Any]:
    return {"round": run.round, "server": run.server, "load": run.load.name, "fault": run.fault, **(run.report or {})}


def measure(built: Built, plan: Plan, seed: int, raw: Path | None) -> list[Run]:
    """All rounds. Servers that any load shares are started once; one that fails to run a load goes on with the next."""
    order = random.Random(seed)
    runs: list[Run] = []
    with ExitStack() as stack:
        record = stack.enter_context(raw.open("w", encoding="utf-8")) if raw else None
        shared = {
            (server.name, program): stack.enter_context(_start(built, server, program))
            for program in sorted({load.program for load in plan.loads if not load.fresh})
            for server in built.servers
        }
        for number in range(max(plan.rounds.values())):
            units = plan.units(number)
            order.shuffle(units)
            for unit in units:
                servers = list(built.servers)
                order.shuffle(servers)
                for server in servers:
                    for load in order.sample(unit, len(unit)):
                        run = _run_once(built, server, load, number, shared)
                        runs.append(run)
                        _progress(run)
                        if record:
                            record.write(json.dumps(_line(run)) + "\n")
    return runs


def _progress(run: Run) -> None:
    traffic = (run.report or {}).get("traffic") or {}
    cpu = traffic.get("server_cpu_us_per_delivery")
    figure = run.fault or (f"{cpu:.3f} µs CPU a delivery" if cpu is not None else "done")
    wrong = "" if run.fault or run.faultless else f"  {run.report['errors']}"
    print(f"round {run.round + 1}  {run.load.name:<28} {run.server:<16} {figure}{wrong}", file=sys.stderr)
