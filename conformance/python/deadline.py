"""Waiting for a condition, with a deadline instead of a sleep for luck."""

import time

# Long enough for a loaded machine with two cores; only a failing test ever waits this long.
DEADLINE_S = 20.0


def wait_until(condition, what, timeout_s=DEADLINE_S):
    """Returns the first true value of `condition()`; fails with `what` when there was none in time."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.005)
