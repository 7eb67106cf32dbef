"""Documents: Word, PDF, LaTeX, Texinfo, Org, Markdown and its like, notebooks → passages with line, page or cell."""

from collections.abc import Iterator
from pathlib import Path

from sonde.decisions.sources import latex, notebooks, pdf, word
from sonde.decisions.sources.notes import files_of
from sonde.decisions.sources.paragraphs import document_facts
from sonde.decisions.sources.pieces import Piece, PieceReader
from sonde.decisions.sources.plain_documents import HEADINGS, document_paragraphs
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import read_utf8, readable
from sonde.records.decisions import Passage


def text_pieces(file: Path, name: str) -> Iterator[Piece]:
    """Yield the paragraphs of Markdown, reStructuredText, AsciiDoc, Org, Texinfo or plain text."""
    text = read_utf8(file)
    author = document_facts(text, name).author
    for part in document_paragraphs(text, name):
        who = part.author or author
        yield Piece(f"line={part.line}", part.text, part.heading, f"line={part.section_line}", who, part.time)


READERS: dict[str, PieceReader] = dict.fromkeys(HEADINGS, text_pieces) | {
    ".docx": word.pieces,
    ".pdf": pdf.pieces,
    ".tex": latex.pieces,
    ".ltx": latex.pieces,
    ".ipynb": notebooks.pieces,
}


def read(path: Path) -> Iterator[Passage]:
    """Yield the pieces of a document, or of all documents in a folder, one document in memory at a time.

    Remarks at the margin of a Word file are passages of those who made them; comments in LaTeX stay where they stand.
    Hidden folders and links are not followed.

    Raises
    ------
    BadInput
        Where there is no document, or one is damaged, locked by a password or made to harm.
    MissingPackage
        Where the package for a format is not installed.
    """
    path = Path(path)
    for file in files_of(path, tuple(READERS), "documents"):
        name = file.name if path.is_file() else file.relative_to(path).as_posix()
        shown = readable(name).replace("#", "_").replace("\n", " ")
        for piece in READERS[file.suffix.lower()](file, name):
            yield _passage(piece, shown)


def _passage(piece: Piece, name: str) -> Passage:
    return Passage(
        anchor=f"file:{name}#{piece.place}",
        text=piece.text,
        kind="documents",
        author=piece.author,
        time=piece.time,
        thread=f"file:{name}#{piece.section}" if piece.section else f"file:{name}",
        title=piece.heading or name,
    )


SOURCE = Source("documents", read, complete=True)
