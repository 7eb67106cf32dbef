"""Documents that are plain text: which files they are, how each kind marks its headings, and their paragraphs."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from sonde.decisions.sources import latex, outlines
from sonde.decisions.sources.paragraphs import HASHES, Paragraph, document_facts, paragraphs

HEADINGS: dict[str, re.Pattern[str]] = {
    ".md": HASHES,
    ".markdown": HASHES,
    ".rst": HASHES,
    ".txt": HASHES,
    ".org": re.compile(r"(\*{1,8})\s+(.*?)\s*$"),
    ".adoc": re.compile(r"(={1,6})\s+(.*?)\s*=*$"),
    ".asciidoc": re.compile(r"(={1,6})\s+(.*?)\s*=*$"),
    ".texi": re.compile(r"@(chapter|unnumbered|appendix|(?:sub){0,2}(?:section|heading|unnumberedsec))\s+(.*?)\s*$"),
}
"""Of a line: the mark, by whose length headings are ranked (chapters of Texinfo like sections), and the title."""
HEADINGS[".texinfo"] = HEADINGS[".texi"]
LATEX = frozenset({".tex", ".ltx"})
SUFFIXES = frozenset(HEADINGS) | LATEX
BARE_NAME = re.compile(
    r"(README|NEWS|CHANGES|C[Hh][Aa][Nn][Gg][Ee]L[Oo][Gg]|HISTORY|RELEASE|NOTES|TODO|FAQ|BUGS|HACKING|CONTRIBUTING|DESIGN"
    r"|PORTING|ROADMAP|INSTALL)([-_][\w-]*(\.\d[\d.]*)?)?"
)
OUTLINES = frozenset({"", ".txt"})
"""Kinds of text that may be outlines or ChangeLogs; in Markdown, stars are those of lists."""
RELEASES = re.compile(r"(NEWS|CHANGES|CHANGELOG|HISTORY|RELEASE|RELEASES)([-_].*)?(\.txt)?", re.IGNORECASE)
"""Names of texts that list what releases brought: each item is a matter of its own."""
_DAY = r"(?:\d{1,2} [A-Z][a-z]+|[A-Z][a-z]+ \d{1,2},?) \d{4}|\d{4}-\d\d-\d\d"
RELEASE = re.compile(
    r"(?=(\S))(#{0,6} ?(?:[A-Za-z][\w+'-]* ){0,5}(?:[a-z][\w+]*-)?[vV]?\d+(?:\.\w+)+"
    rf"(?:[\s:,;-]*(?:[(\[][^)\]]*[)\]]|(?:to|from|since|and) v?\d[\w.]*|(?:[A-Z][a-z]+,? )?(?:{_DAY})))*):?\s*$"
)
"""A line that names a release and nothing else, but for its day, is the heading of what it brought."""
PACKAGE_LIST = re.compile(r"(^|/)(requirements|constraints|CMakeLists)[^/]*\.txt$", re.IGNORECASE)
TEXINFO_FRAME = re.compile(r"(@(node|[cfkvpt]index|menu|include|set|clear|if\w+|top|page|end)\b.*|\* .*::.*)\s*")


@lru_cache(maxsize=100_000)
def is_document(path: str) -> bool:
    """Tell whether a path names a text that people read."""
    suffix, name = PurePosixPath(path).suffix.lower(), PurePosixPath(path).name
    return bool(suffix in SUFFIXES and not PACKAGE_LIST.search(path)) or BARE_NAME.fullmatch(name) is not None


def document_paragraphs(text: str, name: str) -> Iterator[Paragraph]:
    """Yield the paragraphs of a document by the kind that its name tells, each under its heading."""
    suffix = PurePosixPath(name).suffix.lower()
    suffix = suffix if suffix in SUFFIXES else ""  # NEWS-1.2
    if suffix in LATEX:
        yield from latex.paragraphs(text, latex.facts_of(text, name))
    elif suffix in OUTLINES and outlines.is_changelog(text):
        yield from outlines.changelog(text, document_facts(text, name))
    elif suffix in OUTLINES and outlines.is_outline(text):
        yield from outlines.outline(text, document_facts(text, name))
    else:
        is_list = suffix in OUTLINES and RELEASES.fullmatch(PurePosixPath(name).name)
        found = paragraphs(text, document_facts(text, name), RELEASE if is_list else HEADINGS.get(suffix, HASHES))
        told = (item for part in found for item in (outlines.in_items(part) if is_list else (part,)))
        yield from (part for part in told if not _is_frame(part.text, suffix))


def _is_frame(text: str, suffix: str) -> bool:
    """Whether lines only hold a Texinfo document together."""
    return suffix in (".texi", ".texinfo") and all(TEXINFO_FRAME.fullmatch(line) for line in text.split("\n"))
