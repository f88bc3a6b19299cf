"""The section of RESULTS.md."""

from ..machine import description
from ..sections import table
from .run import Soak

TITLE = "## Soak: mixed clients, reloads and kills"


def markdown(soak: Soak, other_work: float) -> str:
    text = (
        f"{TITLE}\n\n"
        f"Written by `bench/soak` after {soak.seconds / 60:.0f} minutes ({description()}; other programs took {other_work:.0%} of it "
        "meanwhile). Four servers in Process mode (two reactors, two workers each) and all clients on the same cores; "
        "`bench/README.md` says who they are.\n\n"
    )
    rows = [[party.name, ", ".join(f"{count:,} {what}" for what, count in party.counts.items()) or "–",
             ", ".join(f"{count:,} {what}" for what, count in party.harm.items() if count) or "nothing"]
            for party in soak.parties if party.name != "samples"]
    text += table(["who", "has done", "went wrong"], rows)
    text += (
        f"A line through the least of each minute, after the first quarter of the run ({soak.samples:,} samples of each server). Memory "
        "is the proportional share (PSS) of all processes, in MiB, without the pages of files.\n\n"
    )
    rows = [[trend.server, trend.figure, f"{trend.first:.1f}", f"{trend.last:.1f}", f"{trend.allowed:.0f}",
             "yes" if trend.is_flat else "**no**", f"{trend.most:.1f}"] for trend in soak.trends]
    return text + table(["server", "figure", "from", "to", "may grow by", "flat", "most at any time"], rows)
