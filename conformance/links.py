"""Every relative link in the Markdown files leads to a file that is there, and every anchor to a heading.

    python3 conformance/links.py [FILE.md ...]      (without arguments: every Markdown file of the repository)

Links to the outside are not followed. An anchor is made of a heading as GitHub makes it: lower case, without
punctuation, spaces as hyphens, `-1`, `-2` … after the first of the same name.
"""

import pathlib
import re
import subprocess
import sys
import unicodedata
import urllib.parse

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)", re.DOTALL)  # within a paragraph
HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
HEADING = re.compile(r"^ {0,3}(#{1,6})[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$")
SETEXT_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)[ \t]*$")
# [text](target "title"), ![text](target); the text may hold one level of brackets, the target one of parentheses.
INLINE_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*(<[^>]*>|(?:[^\s()]|\([^\s()]*\))*)(?:\s+[^)]*)?\)")
DEFINITION = re.compile(r"^ {0,3}\[([^\]^\n]+)\]:[ \t]*(<[^>]*>|\S+)", re.MULTILINE)
REFERENCE = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])+)\]\[([^\]]*)\]")
HTML_LINK = re.compile(r"""<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
HTML_ANCHOR = re.compile(r"""<[a-z][^>]*?\b(?:id|name)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
OUTSIDE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def markdown_files():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    )
    return sorted({REPOSITORY / name for name in listed.stdout.split("\0") if name} & set(REPOSITORY.rglob("*.md")))


def blanked(match):
    """Spaces in the place of what was matched, so that positions and line numbers stay."""
    return re.sub(r"[^\n]", " ", match.group())


def without_code(text):
    """The lines of `text` without fenced code and comments."""
    text = HTML_COMMENT.sub(blanked, text)
    lines, fence = [], None
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if fence is not None:
            closes = mark and mark.group(1).startswith(fence) and line.strip() == mark.group(1)
            fence = None if closes else fence
            lines.append("")
        elif mark:
            fence = mark.group(1)
            lines.append("")
        else:
            lines.append(line)
    return lines


def slug(heading):
    """The anchor of a heading: what GitHub keeps are letters, marks, digits, hyphens and underscores."""
    heading = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)  # a link shows its text
    heading = re.sub(r"<[^>]+>", "", heading)
    heading = re.sub(r"(\*{1,3}|~~)(\S(?:.*?\S)?)\1", r"\2", heading)
    kept = (c for c in heading.strip().lower() if c in " -_" or unicodedata.category(c)[0] in "LMN")
    return "".join(kept).replace(" ", "-")


def anchors(path):
    found, seen = set(), {}
    lines = without_code(path.read_text(encoding="utf-8"))
    for number, line in enumerate(lines):
        found.update(HTML_ANCHOR.findall(line))
        heading = HEADING.match(line)
        title = heading.group(2) if heading else None
        if title is None and number and SETEXT_UNDERLINE.match(line) and lines[number - 1].strip():
            title = lines[number - 1]
        if title is not None:
            name = slug(title.replace("`", ""))
            found.add(f"{name}-{seen[name]}" if name in seen else name)
            seen[name] = seen.get(name, 0) + 1
    return found


def links(path):
    """(line number, target) of every link; a reference without a definition has the target None."""
    text = "\n".join(without_code(path.read_text(encoding="utf-8")))
    text = CODE_SPAN.sub(blanked, text)
    definitions = {match.group(1).casefold() for match in DEFINITION.finditer(text)}
    found = [(match.start(), match.group(2).strip("<>")) for match in DEFINITION.finditer(text)]
    text = DEFINITION.sub(blanked, text)
    found += [(match.start(), match.group(1).strip("<>")) for match in INLINE_LINK.finditer(text)]
    found += [(match.start(), match.group(1).split()[0]) for match in HTML_LINK.finditer(text)]
    for match in REFERENCE.finditer(INLINE_LINK.sub(blanked, text)):
        if (match.group(2) or match.group(1)).casefold() not in definitions:
            found.append((match.start(), None))
    for position, target in sorted(found, key=lambda link: link[0]):
        yield text.count("\n", 0, position) + 1, target


def problem(path, target):
    """What is wrong with the link, or None."""
    if target is None:
        return "a reference that is defined nowhere"
    if OUTSIDE.match(target):
        return "a path of one machine" if target.lower().startswith("file:") else None
    name, _, anchor = target.partition("#")
    name = urllib.parse.unquote(name.partition("?")[0])
    if name.startswith("/"):
        return "an absolute path: it leads somewhere only on one site"
    destination = (path.parent / name).resolve() if name else path
    if REPOSITORY not in destination.parents and destination != REPOSITORY:
        return "a path out of the repository"
    if not destination.exists():
        return "no such file"
    if anchor and destination.suffix == ".md" and urllib.parse.unquote(anchor) not in anchors(destination):
        return f"no heading for the anchor in {destination.relative_to(REPOSITORY)}"
    return None


def main(arguments):
    files = [pathlib.Path(name).resolve() for name in arguments] or markdown_files()
    count = broken = 0
    for path in files:
        for number, target in links(path):
            count += 1
            if wrong := problem(path, target):
                broken += 1
                print(f"{path.relative_to(REPOSITORY)}:{number}: {target or ''}: {wrong}")
    print(f"{count} links in {len(files)} Markdown files, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
