"""Where words first stood: paragraphs of documents and comments beside values, followed through history."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import PurePosixPath

from sonde.decisions.changes.objects import Objects
from sonde.decisions.changes.repository import Commit, FileChange, Repository
from sonde.decisions.sources.comments import has_comments
from sonde.decisions.sources.notebook_cells import by_line, cell_pieces, is_notebook
from sonde.decisions.sources.paragraphs import Paragraph
from sonde.decisions.sources.plain_documents import document_paragraphs, is_document
from sonde.decisions.sources.readable import decoded
from sonde.decisions.sources.remarks import has_remarks, words_in_code
from sonde.records.decisions import Passage


@dataclass(frozen=True)
class Origin:
    """The place in a commit where words first stood; author and time are None where history cannot tell."""

    path: str
    line: int
    commit: str
    author: str | None
    time: datetime | None


class FirstWords:
    """Follows a history, parents before children, and keeps the origin of every piece of text in every file."""

    def __init__(self) -> None:
        self._origins: dict[str, dict[str, Origin]] = {}

    def follow(self, commit: Commit, objects: Objects) -> Iterator[Passage]:
        """Take in one commit; yield the comments that are new with it."""
        self._rename(commit.files)
        for file in commit.files:
            if file.new is None or not _followed(file.path):
                continue
            known = self._origins.setdefault(file.path, {})
            for piece, beside_value in _pieces(file.path, file.new, objects):
                if piece.text not in known:
                    origin = Origin(file.path, piece.line, commit.id, commit.author, commit.time)
                    known[piece.text] = origin
                    if beside_value:
                        yield _passage(piece, origin)

    def at_head(self, repository: Repository, objects: Objects) -> Iterator[Passage]:
        """Yield what the head's tree holds: documents, remarks in code, comments that no commit was seen to bring."""
        for path, blob in repository.files():
            known = self._origins.get(path, {})
            if not _followed(path):
                continue
            for piece, beside_value in _pieces(path, blob, objects):
                if not beside_value or piece.text not in known:
                    unseen = Origin(path, piece.line, repository.head, None, None)
                    yield _passage(piece, known.get(piece.text, unseen))

    def _rename(self, files: tuple[FileChange, ...]) -> None:
        """Let a file that moved without change keep its origins."""
        gone = {file.old: file.path for file in files if file.new is None}
        for file in files:
            if file.old is None and file.new in gone:
                self._origins[file.path] = dict(self._origins.get(gone[file.new], {}))


def followed_blobs(commit: Commit) -> list[str]:
    """Ids of the file versions that `FirstWords.follow` reads."""
    return [file.new for file in commit.files if file.new and _followed(file.path)]


@lru_cache(maxsize=100_000)
def _followed(path: str) -> bool:
    return is_document(path) or has_comments(path) or has_remarks(path) or is_notebook(path)


def _pieces(path: str, blob: str, objects: Objects) -> list[tuple[Paragraph, bool]]:
    """Pieces of a file, and whether each is a comment beside a value: of these, those that are gone are kept, too."""
    payload = objects.read(blob)
    if payload is None or b"\0" in payload:
        return []
    text = decoded(payload)
    if is_document(path):
        return [(piece, False) for piece in document_paragraphs(text, PurePosixPath(path).name)]
    if is_notebook(path):
        return list(by_line(cell_pieces(text, PurePosixPath(path).name)))
    return list(words_in_code(text, path))


def _passage(piece: Paragraph, origin: Origin) -> Passage:
    """What a heading says of day and author tells more than the commit, unless the day lies in the commit's future."""
    dated = piece.time and (origin.time is None or piece.time <= origin.time)
    return Passage(
        anchor=f"{origin.path}:{origin.line}@{origin.commit}",
        text=piece.text,
        kind="file",
        author=piece.author or origin.author,
        time=piece.time if dated else origin.time,
        thread=f"{origin.path}#{piece.heading}" if piece.heading else None,
        title=piece.heading or origin.path,
    )
