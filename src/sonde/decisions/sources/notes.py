"""Notes: Markdown, reStructuredText, Org, AsciiDoc and plain text files → one passage per paragraph."""

import os
from collections.abc import Iterator
from pathlib import Path

from sonde.decisions.sources.paragraphs import document_facts
from sonde.decisions.sources.plain_documents import HEADINGS, document_paragraphs
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import read_utf8
from sonde.errors import BadInput
from sonde.records.decisions import Passage


def read(path: Path) -> Iterator[Passage]:
    """Yield the paragraphs of a file, or of all notes in a folder, in order of path and line.

    The time is the date of the nearest heading that carries one, else of the front matter or the file name, else
    None. Hidden folders and links are not followed.

    Raises
    ------
    BadInput
        Where nothing of these kinds is there, or a file is not UTF-8.
    """
    path = Path(path)
    for file in files_of(path, tuple(HEADINGS), "notes"):
        name = file.name if path.is_file() else file.relative_to(path).as_posix()
        yield from _document(read_utf8(file), name)


def _document(text: str, name: str) -> Iterator[Passage]:
    facts = document_facts(text, name)
    for paragraph in document_paragraphs(text, name):
        yield Passage(
            anchor=f"file:{name}#line={paragraph.line}",
            text=paragraph.text,
            kind="notes",
            author=paragraph.author or facts.author,
            time=paragraph.time,
            thread=f"file:{name}#line={paragraph.section_line}",
            title=paragraph.heading or name,
        )


def files_of(path: Path, suffixes: tuple[str, ...], kind: str) -> list[Path]:
    """Return the file itself, or the folder's files with these suffixes, sorted; there is at least one."""
    mend = f"Give a file or a folder that holds files ending in {', '.join(suffixes)}."
    if not path.exists():
        raise BadInput(path, None, "does not exist", mend)
    if path.is_file():
        if path.suffix.lower() not in suffixes:
            raise BadInput(path, None, f"is no file of {kind}", mend)
        return [path]
    found = sorted(_walk(path, suffixes))
    if not found:
        raise BadInput(path, None, f"holds no {kind}", mend)
    return found


def _walk(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    for where, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(where, name)
            if file.suffix.lower() in suffixes and not name.startswith((".", "~$")) and not file.is_symlink():
                yield file


SOURCE = Source("notes", read, complete=True)
