"""The section of RESULTS.md."""

from ..machine import description
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
    text += _table(["who", "has done", "went wrong"], rows)
    text += (
        f"A line through the least of each minute, after the first quarter of the run ({soak.samples:,} samples of each server). Memory "
        "is the proportional share (PSS) of all processes, in MiB, without the pages of files.\n\n"
    )
    rows = [[trend.server, trend.figure, f"{trend.first:.1f}", f"{trend.last:.1f}", f"{trend.allowed:.0f}",
             "yes" if trend.is_flat else "**no**", f"{trend.most:.1f}"] for trend in soak.trends]
    return text + _table(["server", "figure", "from", "to", "may grow by", "flat", "most at any time"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines) + "\n"


def section_of(document: str) -> str:
    """The section as it stands in RESULTS.md; empty if there is none."""
    start = document.find(TITLE)
    if start < 0:
        return ""
    end = document.find("\n## ", start + 1)
    return document[start:] if end < 0 else document[start:end + 1]


def with_section(document: str, section: str) -> str:
    """The document with this section in the place of the old one, or before the list of servers."""
    document = document.replace(section_of(document), "") if section_of(document) else document
    place = document.find("## Servers\n")
    place = len(document) if place < 0 else place
    return document[:place] + section + document[place:]
