"""A git repository → passages (commit messages, documents, comments, docstrings) and changes of values."""

from collections.abc import Iterator
from pathlib import Path

from sonde.decisions.changes.history import value_changes
from sonde.decisions.changes.repository import Commit, open_repository, tell_missing
from sonde.decisions.sources.first_words import FirstWords, followed_blobs
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import one_line, readable
from sonde.records.decisions import Change, Identity, Passage


def read(path: Path, revision: str = "HEAD") -> Iterator[Passage]:
    """Yield the commit messages up to a revision, comments beside values, its documents, notebooks, remarks in code.

    Comments beside values are taken from all commits; documents, other comments and docstrings as they stand.

    A paragraph or a comment carries the commit where these words first stood in that file, its author and time;
    where history cannot tell (a merge, the cut end of a shallow clone) author and time are None.

    Raises
    ------
    BadInput
        Where the path is no repository, holds no commit, or is damaged.
    """
    repository = open_repository(path, revision)
    words, seen = FirstWords(), set[str]()
    with repository.objects() as objects:
        for commit in objects.ahead(repository.commits(), followed_blobs):
            yield from _message(commit)
            yield from _unseen(words.follow(commit, objects), seen)
        yield from _unseen(words.at_head(repository, objects), seen)
        tell_missing(repository, objects)


def changes(path: Path, revision: str = "HEAD") -> Iterator[Change]:
    """Yield every change of a value in the commits up to a revision, oldest first.

    Values are scalars in YAML, TOML, JSON and INI (key as a dotted path), settings of VASP, Quantum ESPRESSO, CP2K,
    FHI-aims and LAMMPS inputs, what shell and batch scripts set, literals and comparisons in Python.
    Merges are left out: their changes stand in the commits they join. A file that cannot be parsed is skipped, and
    compared with its last readable version when it can be parsed again.

    Raises
    ------
    BadInput
        Where the path is no repository, holds no commit, or is damaged.
    """
    repository = open_repository(path, revision)
    with repository.objects() as objects:
        yield from value_changes(repository.commits(), objects)
        tell_missing(repository, objects)


def people(path: Path) -> Iterator[Identity]:
    """Yield the authors as they signed, and as the repository's .mailmap calls them."""
    repository = open_repository(Path(path))
    listed = repository.run("log", "--format=%an%x00%ae%x00%aN%x00%aE", repository.head, "--")
    for line in sorted(set(listed.decode("utf-8", "replace").splitlines())):
        name, email, mapped_name, mapped_email = map(one_line, line.split("\0"))
        pairs = ((name, email), (mapped_name, email), (mapped_name, mapped_email))
        yield from (Identity(who, address) for who, address in dict.fromkeys(pairs) if who)


def head(path: Path) -> str:
    """Return the commit that stands for the whole history: files that git does not follow are no part of it."""
    return open_repository(path).head


def _message(commit: Commit) -> Iterator[Passage]:
    if text := readable(commit.message):
        yield Passage(
            anchor=f"commit:{commit.id}",
            text=text,
            kind="commit",
            author=commit.author,
            time=commit.time,
            title=commit.summary,
        )


def _unseen(passages: Iterator[Passage], seen: set[str]) -> Iterator[Passage]:
    """Leave out what stands twice in one file: it has one origin."""
    for passage in passages:
        if passage.anchor not in seen:
            seen.add(passage.anchor)
            yield passage


SOURCE = Source("git", read, changes=changes, people=people, state=head)
