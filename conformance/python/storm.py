"""Reloads and kills of a server under load, and the load generator that counts what its clients noticed.

Short forms run here, as tests; bench/run runs the full ones.
"""

import json
import os
import random
import subprocess
import tempfile
import time

from deadline import DEADLINE_S, wait_until
from example_server import example_path


def generator_path():
    """The built load generator, beside the folder of the examples."""
    path = example_path("echo").parent.parent / "bench-load"
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built: run `cargo build -p switchboard-bench`")
    return path


class Load:
    """`bench-load storm` as a process: connections that send and check, until `finish`."""

    def __init__(self, address, *, generator=None, connections=1000, in_flight=4, rate=None, bytes_each=64,
                 ask_every=0.01, grace_s=DEADLINE_S):
        command = [generator or generator_path(), "storm", "--connect", address, "--connections", connections,
                   "--in-flight", in_flight, "--bytes", bytes_each, "--ask-every", ask_every, "--grace", grace_s]
        if rate is not None:
            command += ["--rate", rate]
        self._grace_s = grace_s
        self._stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self._stderr)
        try:
            wait_until(lambda: "connections are open" in self._log() or self.process.poll() is not None,
                       f"{connections} connections are open", DEADLINE_S + connections / 200)
            assert self.process.poll() is None, f"the load generator ended:\n{self._log()}"
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _log(self):
        descriptor = self._stderr.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def finish(self):
        """Lets what is under way arrive; the generator's report."""
        assert self.process.poll() is None, f"the load generator ended before its time:\n{self._log()}"
        # Its end is what the generator waits for, and `communicate` closes it.
        output, _ = self.process.communicate(timeout=self._grace_s + 2 * DEADLINE_S)
        assert output, f"the load generator has no report:\n{self._log()}"
        return json.loads(output)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self._stderr.close()


class Ran:
    """Which worker processes have been seen, and which build each of them executes."""

    def __init__(self, server):
        self._server = server
        self.builds = {}  # (generation, pid) -> number of the build

    def look(self):
        for worker in self._server.workers():
            who = worker.generation, worker.pid
            if who not in self.builds and (build := self._server.builds.number(worker.pid)) is not None:
                self.builds[who] = build

    def of_answers(self, report):
        """How often each build has answered, by its number; None: by a process that was not seen."""
        counts = {}
        for answer in report["storm"]["answers"]:
            build = self.builds.get((answer["generation"], answer["pid"]))
            counts[build] = counts.get(build, 0) + answer["count"]
        return counts


def reload_storm(server, reloads, timeout_s=DEADLINE_S):
    """Reloads one after the other, from one build and the other in turn; what ran, and how many seconds each took."""
    ran, durations = Ran(server), []
    ran.look()
    for number in range(1, reloads + 1):
        build = number % len(server.builds.files)
        server.builds.install(build, server.executable)
        started = time.monotonic()
        generation = server.reload(timeout_s)
        durations.append(time.monotonic() - started)
        ran.look()
        for worker in server.workers():
            if worker.generation == generation:
                executed = server.builds.number(worker.pid)
                assert executed in (build, None), f"{worker} executes build {executed} and not {build}, the one on disk"
    return ran, durations


# What is killed at once, and how often that is chosen.
VICTIMS = {"a worker": 12, "the manager": 3, "a worker and the manager": 2, "all workers": 2, "all but the master": 1}


def kill_storm(server, kills, seed, timeout_s=DEADLINE_S):
    """Kills at random; how often each kind of victim was chosen, and how many seconds each time until all were back.

    One time in four the next ones are killed before all are back, and one time in four there is a reload before them, which
    also makes the manager forget the deaths that it would else begin to wait longer and longer after.
    """
    chance = random.Random(seed)
    counts, durations = dict.fromkeys([*VICTIMS, "reloads"], 0), []
    for _ in range(kills):
        kind = chance.choices(list(VICTIMS), VICTIMS.values())[0]
        counts[kind] += 1
        started = time.monotonic()
        server.kill(*choose(server, kind, chance))
        what_next = chance.random()
        if what_next < 0.25:
            time.sleep(chance.uniform(0.0, 0.05))
            continue
        server.wait_until_whole(timeout_s=timeout_s)
        durations.append(time.monotonic() - started)
        if what_next < 0.5:
            counts["reloads"] += 1
            server.builds.install(counts["reloads"] % len(server.builds.files), server.executable)
            server.reload(timeout_s)
    server.wait_until_whole(timeout_s=timeout_s)
    return counts, durations


def choose(server, kind, chance):
    """The processes of a kind of victim, as far as they are alive."""
    workers, manager = server.workers(), server.manager()
    victims = []
    if kind in ("all workers", "all but the master"):
        victims = workers
    elif kind != "the manager" and workers:
        victims = [chance.choice(workers)]
    if kind in ("the manager", "a worker and the manager", "all but the master") and manager:
        victims = [*victims, manager]
    return victims


def harm(report, *, repeats_allowed):
    """What the clients noticed that they must not, by name; empty when all is well.

    A message is never lost, changed or out of order and no connection is closed. One may come again only if its worker died
    while it was handled: before any later one of its connection, and marked where the server marks it.
    """
    counts = {name: count for name, count in report["errors"].items() if name != "duplicated"}
    counts["unanswered"] = report["storm"]["unanswered"]
    counts["repeated_late"] = report["storm"]["repeated_late"]
    if not repeats_allowed:
        counts["duplicated"] = report["errors"]["duplicated"]
        counts["repeated_answers"] = report["storm"]["repeated_answers"]
        counts["marked"] = report["storm"]["marked"]
    return {name: count for name, count in counts.items() if count}
