"""Autobahn's test cases against the `echo` example: none may fail, none may be less than strict.

    python conformance/autobahn.py --examples target/debug/examples --report .test/autobahn [--full | --cases '6.*' ...]

Needs `kosoku` (conformance/requirements.txt), which runs Autobahn's own case files. Ends with 1 unless every
case is OK in its behaviour and in its closing; the cases for which the RFC asks nothing are listed apart.
The reports are those that Autobahn writes: open index.html in the folder of a part.
"""

import argparse
import asyncio
import collections
import concurrent.futures
import os
import pathlib
import sys
import time

from kosoku import FailureError, run_fuzzingclient
from kosoku._report import write_reports

sys.path.insert(0, str(pathlib.Path(__file__).parent / "python"))
from example_server import ExampleServer  # noqa: E402

SECTIONS = {
    "1": "framing", "2": "pings and pongs", "3": "reserved bits", "4": "opcodes", "5": "fragmentation",
    "6": "UTF-8", "7": "closing", "9": "limits and performance", "10": "automatic fragmentation",
    "12": "compression, by kind of message", "13": "compression, by what is negotiated",
}
COMPRESSED = {"12": 5, "13": 7}
# What one client runs after the other. Sections 12 and 13 are 216 cases of a thousand messages each, which take minutes. On
# every run: the small messages. (Each by its name: `12.*.1` would be 12.1.10 to 12.1.18, too, which are the long ones.)
PLAIN = {"1-7": [f"{section}.*" for section in range(1, 8)], "9-10": ["9.*", "10.*"]}
MOST = PLAIN | {section: [f"{section}.{kind}.{size}" for kind in range(1, kinds + 1) for size in (1, 2, 3)]
                for section, kinds in COMPRESSED.items()}
ALL = PLAIN | {f"{section}.{kind}": [f"{section}.{kind}.*"] for section, kinds in COMPRESSED.items()
               for kind in range(1, kinds + 1)}
# How many those are in the version of kosoku that requirements.txt names.
MOST_CASES, ALL_CASES = 337, 517
LARGEST_MESSAGE = 16 << 20  # cases 9.1.6 and 9.2.6

COLUMNS = ["OK", "INFORMATIONAL", "NON-STRICT", "FAILED"]


# What is used of kosoku's, which cannot leave its process.
Result = collections.namedtuple("Result", "case_id behavior behavior_close result result_close duration")


def run_part(address, patterns, concurrency, report):
    try:
        results = asyncio.run(run_fuzzingclient("{}:{}".format(*address), patterns, None, concurrency=concurrency))
    except FailureError as failure:
        results = failure.results
    if results:
        write_reports(results, report)
    return [Result(of.case_id, of.behavior.value, of.behavior_close.value, of.result, of.result_close, of.duration)
            for of in results]


def run_parts(address, parts, concurrency, report):
    """The clients take far more time than the server: as many of them as there are cores."""
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as clients:
        runs = [clients.submit(run_part, address, patterns, concurrency, f"{report}/{name}")
                for name, patterns in parts.items()]
        return [result for run in runs for result in run.result()]


def verdict(result):
    """The worse one of the two judgements of a case; a good closing has no NON-STRICT."""
    behavior, closing = result.behavior, result.behavior_close
    if behavior == "INFORMATIONAL" and closing in ("OK", "INFORMATIONAL"):
        return "INFORMATIONAL"
    if closing not in ("OK", "INFORMATIONAL"):
        return "FAILED"
    return behavior if behavior in COLUMNS else "FAILED"


def print_table(results):
    counts = collections.defaultdict(collections.Counter)
    for result in results:
        section = result.case_id.split(".")[0]
        counts[section][verdict(result)] += 1
        counts[section]["milliseconds"] += result.duration
    print(f"\n{'section':42}{'cases':>7}" + "".join(f"{name:>15}" for name in COLUMNS) + f"{'seconds':>10}")
    for section, title in SECTIONS.items():
        if count := counts.get(section):
            row = "".join(f"{count[name]:>15}" for name in COLUMNS)
            print(f"{section:>2}  {title:38}{sum(count[name] for name in COLUMNS):>7}{row}"
                  f"{count['milliseconds'] / 1000:>10.1f}")


def print_cases(title, results):
    if results:
        print(f"\n{title}:")
    for result in results:
        print(f"  {result.case_id:8} {result.behavior}, closing {result.behavior_close}: "
              f"{' '.join(result.result.split())} {' '.join(result.result_close.split())}".rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--examples", help="folder of the built examples (default: where cargo puts them)")
    parser.add_argument("--report", default=".test/autobahn", help="folder for Autobahn's report")
    parser.add_argument("--full", action="store_true", help="all cases of sections 12 and 13, too")
    parser.add_argument("--cases", nargs="+", help="cases or patterns, such as 7.1.5 or '6.*'")
    parser.add_argument("--concurrency", type=int, default=4, help="cases of each client at a time")
    arguments = parser.parse_args()
    if arguments.examples:
        os.environ["SWITCHBOARD_EXAMPLES"] = arguments.examples
    wanted, wanted_cases = (ALL, ALL_CASES) if arguments.full else (MOST, MOST_CASES)
    parts = {"cases": arguments.cases} if arguments.cases else wanted

    server = ExampleServer("echo", "--deflate", "--max-message", LARGEST_MESSAGE, "--output-limit", 4 * LARGEST_MESSAGE)
    try:
        started = time.monotonic()
        results = run_parts(server.address, parts, arguments.concurrency, arguments.report)
        seconds = time.monotonic() - started
        survived = server.process.poll() is None
    finally:
        server.stop()

    by_verdict = collections.defaultdict(list)
    for result in results:
        by_verdict[verdict(result)].append(result)
    print_table(results)
    print_cases("informational (the RFC leaves it open)", by_verdict["INFORMATIONAL"])
    print_cases("not strict", by_verdict["NON-STRICT"])
    print_cases("failed", by_verdict["FAILED"])

    bad = len(by_verdict["NON-STRICT"]) + len(by_verdict["FAILED"])
    print(f"\n{len(results)} cases in {seconds:.1f} s; reports in {arguments.report}/*/index.html")
    if not survived:
        print("the server did not survive")
        bad += 1
    if arguments.cases is None and len(results) != wanted_cases:
        print(f"{wanted_cases} cases were to be run")
        bad += 1
    print(f"{len(results) - len(by_verdict['NON-STRICT']) - len(by_verdict['FAILED'])} passed, {bad} failed")
    return 1 if bad or not results else 0


if __name__ == "__main__":
    sys.exit(main())
