"""docs/protocol.md as a program reads it: its examples, its tables of codes, and the keys that it names."""

import json
import re

from example_server import REPOSITORY

BLOCK = re.compile(r"^```json\n(.*?)^```$", re.M | re.S)
IN_TABLE = re.compile(r"^\|[^|\n]*`(\{\"type\".*?\})`", re.M)


class Document:
    def __init__(self, path=REPOSITORY / "docs" / "protocol.md"):
        self.text = path.read_text("utf-8")
        self._sections = sections(self.text)

    def section(self, title):
        assert title in self._sections, f"docs/protocol.md has no heading {title!r}"
        return self._sections[title]

    def examples(self, title):
        """The JSON values of a section's blocks, one after another."""
        return [value for block in BLOCK.findall(self.section(title)) for value in values(block)]

    def example(self, title, kind, number=0):
        """The frame of this type among them; `number`: of several."""
        found = [value for value in self.examples(title) if value.get("type") == kind]
        assert len(found) > number, f"{title!r} has {len(found)} examples of {kind!r}"
        return found[number]

    def requests_in_tables(self, title):
        """The frames with which the rows of a section's tables begin."""
        return [json.loads(without_gaps(frame)) for frame in IN_TABLE.findall(self.section(title))]

    def codes(self, title):
        """The first cells of a table whose rows begin with codes in backticks, or with numbers."""
        cells = re.findall(r"^\| *([^|\n]+?) *\|", self.section(title), re.M)
        return {code for cell in cells for code in re.findall(r"[a-z_]{3,}|\d{4}|\d{3}", cell)}

    def names(self, key):
        """Is this key of a frame anywhere in the document?"""
        return f'"{key}"' in self.text or f"`{key}`" in self.text


def sections(text):
    """What stands below each heading. A line of a program that begins with `#` is none."""
    found, title, in_program = {}, "", False
    for line in text.splitlines(keepends=True):
        in_program ^= line.startswith("```")
        if line.startswith("#") and not in_program:
            title = line.lstrip("#").strip()
        found[title] = found.get(title, "") + line
    return found


def values(block):
    """The JSON values in a block of the document, with what is left out of them by `…`."""
    decoder, text, found, at = json.JSONDecoder(), without_gaps(block).strip(), [], 0
    if text.startswith('"'):
        text = f"{{{text}}}"  # keys of a larger one
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found


def without_gaps(text):
    text = re.sub(r"\[…[^\]]*\]", "[]", text)
    return re.sub(r"(\{|, *)…\}", lambda gap: "{}" if gap[1] == "{" else "}", text)


def resembles(actual, example, where="the frame"):
    """Has this everything that the example has, with values of the same kind? It may have more."""
    if isinstance(example, dict):
        assert isinstance(actual, dict), f"{where} is {actual!r}"
        for key, value in example.items():
            assert key in actual, f"{where} has no {key!r}: {actual}"
            resembles(actual[key], value, f"{where}[{key!r}]")
    elif isinstance(example, list):
        assert isinstance(actual, list), f"{where} is {actual!r}"
        for element in actual if example else []:
            resembles(element, example[0], f"an element of {where}")
    else:
        assert type(actual) is type(example), f"{where} is {actual!r}, and in the document {example!r}"


def keys_of(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner)
