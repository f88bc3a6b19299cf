"""Sections of RESULTS.md that commands of their own write, each in the place of the one that stands there."""


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown, and an empty line."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines) + "\n"


def section_of(document: str, title: str) -> str:
    """The section under this title, with its line; empty if there is none."""
    start = document.find(title)
    if start < 0:
        return ""
    end = document.find("\n## ", start + 1)
    return document[start:] if end < 0 else document[start : end + 1]


def with_section(document: str, title: str, section: str) -> str:
    """The document with this section in the place of the old one, or before the list of servers."""
    if old := section_of(document, title):
        document = document.replace(old, "")
    place = document.find("## Servers\n")
    place = len(document) if place < 0 else place
    return document[:place] + section + document[place:]
