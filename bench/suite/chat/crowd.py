"""Loads of a large chat."""

from ..loads import DESCRIPTORS_SPARE, Load, Plan

_TEXT_BYTES = 64
_ROUNDS = 3


def _crowd(name: str, *arguments: str) -> Load:
    return Load(
        measure="crowd",
        name=name,
        program="chat",
        arguments=("broadcast", f"--bytes={_TEXT_BYTES}", *arguments),
        fresh=True,
    )


def plan(quick: bool, descriptors_max: int) -> Plan:
    """As many people in one room as the limit of open files allows, up to 10,000; and 1,000 posts a second over 100 rooms."""
    people = min(10_000, descriptors_max - DESCRIPTORS_SPARE)
    seconds = f"--seconds={2 if quick else 8}"
    loads = [
        _crowd(f"{people:,} in one room, post after post", f"--receivers={people}", seconds),
        _crowd(f"{people:,} in one room, 5 posts a second", f"--receivers={people}", seconds, "--rate=5"),
        _crowd(
            "1,000 posts a second over 100 rooms of 20",
            "--receivers=2000",
            "--rooms=100",
            "--senders=100",
            "--rate=1000",
            seconds,
        ),
    ]
    rounds = {"crowd": 1 if quick else _ROUNDS}
    return Plan(loads=loads, rounds=rounds, rounds_of_others=rounds)
