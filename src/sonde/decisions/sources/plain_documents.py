"""Documents that are plain text: which files they are, how each kind marks its headings, and their paragraphs."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from sonde.decisions.sources import latex
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
    r"(README|NEWS|CHANGES|HISTORY|NOTES|TODO|FAQ|BUGS|HACKING|CONTRIBUTING|DESIGN|PORTING|ROADMAP|INSTALL)([-_][\w-]*)?"
)
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
    if suffix in LATEX:
        yield from latex.paragraphs(text, latex.facts_of(text, name))
        return
    found = paragraphs(text, document_facts(text, name), HEADINGS.get(suffix, HASHES))
    yield from (part for part in found if not _is_frame(part.text, suffix))


def _is_frame(text: str, suffix: str) -> bool:
    """Whether lines only hold a Texinfo document together."""
    return suffix in (".texi", ".texinfo") and all(TEXINFO_FRAME.fullmatch(line) for line in text.split("\n"))
