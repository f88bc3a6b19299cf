"""Autobahn's test cases against the `echo` example: none may fail, none may be less than strict.

    python conformance/autobahn.py --examples target/debug/examples --report .test/autobahn [--full | --cases '6.*' ...]

Needs `kosoku` (conformance/requirements.txt), which runs Autobahn's own case files. Ends with 1 unless every
case is OK in its behaviour and in its closing; the cases for which the RFC asks nothing are listed apart.
The report is the one that Autobahn writes: open index.html in the folder.
"""

import argparse
import asyncio
import collections
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
# Sections 12 and 13 are 216 cases of a thousand messages each, which take minutes. On every run: the small messages.
# (Each by its name: `12.*.1` would be 12.1.10 to 12.1.18, too, which are the long ones.)
MOST = [f"{section}.*" for section in SECTIONS if section not in ("12", "13")] + [
    f"{section}.{kind}.{size}" for section, kinds in (("12", 5), ("13", 7))
    for kind in range(1, kinds + 1) for size in (1, 2, 3)]
ALL = [f"{section}.*" for section in SECTIONS]
# How many those are in the version of kosoku that requirements.txt names.
MOST_CASES, ALL_CASES = 337, 517
LARGEST_MESSAGE = 16 << 20  # cases 9.1.6 and 9.2.6

COLUMNS = ["OK", "INFORMATIONAL", "NON-STRICT", "FAILED"]


async def run_cases(address, cases, concurrency):
    try:
        return await run_fuzzingclient("{}:{}".format(*address), cases, None, concurrency=concurrency)
    except FailureError as failure:
        return failure.results


def verdict(result):
    """The worse one of the two judgements of a case; a good closing has no NON-STRICT."""
    behavior, closing = result.behavior.value, result.behavior_close.value
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
        print(f"  {result.case_id:8} {result.behavior.value}, closing {result.behavior_close.value}: "
              f"{' '.join(result.result.split())} {' '.join(result.result_close.split())}".rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--examples", help="folder of the built examples (default: where cargo puts them)")
    parser.add_argument("--report", default=".test/autobahn", help="folder for Autobahn's report")
    parser.add_argument("--full", action="store_true", help="all cases of sections 12 and 13, too")
    parser.add_argument("--cases", nargs="+", help="cases or patterns, such as 7.1.5 or '6.*'")
    parser.add_argument("--concurrency", type=int, default=4, help="cases at a time")
    arguments = parser.parse_args()
    if arguments.examples:
        os.environ["SWITCHBOARD_EXAMPLES"] = arguments.examples
    wanted, wanted_cases = (ALL, ALL_CASES) if arguments.full else (MOST, MOST_CASES)
    cases = arguments.cases or wanted

    server = ExampleServer("echo", "--deflate", "--max-message", LARGEST_MESSAGE, "--output-limit", 4 * LARGEST_MESSAGE)
    try:
        started = time.monotonic()
        results = asyncio.run(run_cases(server.address, cases, arguments.concurrency))
        seconds = time.monotonic() - started
        survived = server.process.poll() is None
    finally:
        server.stop()

    by_verdict = collections.defaultdict(list)
    for result in results:
        by_verdict[verdict(result)].append(result)
    if results:
        write_reports(results, arguments.report)
    print_table(results)
    print_cases("informational (the RFC leaves it open)", by_verdict["INFORMATIONAL"])
    print_cases("not strict", by_verdict["NON-STRICT"])
    print_cases("failed", by_verdict["FAILED"])

    bad = len(by_verdict["NON-STRICT"]) + len(by_verdict["FAILED"])
    print(f"\n{len(results)} cases in {seconds:.1f} s; report in {arguments.report}/index.html")
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
