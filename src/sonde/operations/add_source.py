"""`sonde add git|slack|mail|…`: take what people wrote into the project."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sonde.errors import BadInput, NotFound, SondeError, WrongUse
from sonde.operations.links import link_again
from sonde.operations.names import require_name
from sonde.operations.semantic import add_vectors
from sonde.progress import SILENT, Progress
from sonde.records.decisions import PUBLIC, Access, Change, Passage

if TYPE_CHECKING:
    from sonde.decisions.sources import Source
    from sonde.decisions.sources.intake import Intake
    from sonde.store import Project


@dataclass(frozen=True)
class SourceOptions:
    """How a source is taken in.

    What was asked for of private talk and excluded channels holds for later imports of the same source, too.
    """

    name: str | None = None
    """Name of the source; the file's own by default."""
    include_private: bool | None = None
    """Also what is private or direct; None: as before, and not at first."""
    exclude_channels: tuple[str, ...] = ()
    """Channels to leave out, beside those left out before."""


DEFAULTS = SourceOptions()


@dataclass(frozen=True)
class AddedSource:
    """What was taken in, or would be with `--dry-run`; a repeated import adds only what is new."""

    SCHEMA: ClassVar[str] = "sonde.add-source/1"
    name: str
    kind: str
    path: str
    n_passages: int
    n_new_passages: int
    n_changes: int
    n_links: int
    stored: bool
    n_private: int = 0
    """Passages left out because only some could read them."""
    n_excluded: int = 0
    """Passages left out because they stand in an excluded channel."""
    n_secrets: int = 0
    """Tokens, keys and passwords that were taken out of the text."""
    n_removed: int = 0
    """Passages that were there before and have gone: deleted, no longer in the source, or no longer asked for."""


def add_source(
    project: "Project",
    kind: str,
    path: Path,
    *,
    options: SourceOptions = DEFAULTS,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> AddedSource:
    """Read what people wrote: passages with anchors, and changes of values where the source has a history.

    Private and direct talk is left out unless asked for, secrets are taken out before anything is stored.
    """
    added = _take_in(project, kind, path, options=options, dry_run=dry_run, progress=progress)
    return added if dry_run else replace(added, n_links=_made_findable(project, progress))


def add_sources(
    project: "Project", named: Sequence[tuple[str, Path]], *, progress: Progress = SILENT
) -> tuple[AddedSource, ...]:
    """Read several sources, given as (kind, path), and link them once."""
    added = [_take_in(project, kind, path, options=DEFAULTS, dry_run=False, progress=progress) for kind, path in named]
    n_links = _made_findable(project, progress)
    return tuple(replace(source, n_links=n_links) for source in added)


def _made_findable(project: "Project", progress: Progress) -> int:
    """Link what was taken in, give it vectors where the project uses a sentence model, and return how many links."""
    n_links = link_again(project, progress)
    add_vectors(project, progress)
    return n_links


@dataclass(frozen=True)
class _Arrival:
    """A source on its way into the project."""

    source: "Source"
    name: str
    path: Path
    access: Access
    intake: "Intake"

    def passages(self, progress: Progress) -> Iterator[Passage]:
        label = f"reading {self.source.kind} {self.name}"
        return self.intake.passages(progress.track(self.source.read(self.path), label))

    def changes(self) -> Iterator[Change]:
        return self.intake.changes(self.source.changes(self.path) if self.source.changes else ())


def _take_in(
    project: "Project", kind: str, path: Path, *, options: SourceOptions, dry_run: bool, progress: Progress
) -> AddedSource:
    arrival = _arrival(project, kind, path, options)
    n_new = n_removed = 0
    if dry_run:
        for _ in chain(arrival.passages(progress), arrival.changes()):
            pass
    else:
        with project.writing():
            n_new, n_removed = _store(project, arrival, progress)
    found = arrival.intake
    return AddedSource(
        arrival.name,
        kind,
        str(path),
        found.n_passages,
        n_new,
        found.n_changes,
        0,
        stored=not dry_run,
        n_private=found.n_private,
        n_excluded=found.n_excluded,
        n_secrets=found.n_secrets,
        n_removed=n_removed,
    )


def _arrival(project: "Project", kind: str, path: Path, options: SourceOptions) -> _Arrival:
    """Check that a source can come in before any of it is read."""
    from sonde.decisions.sources import source_of
    from sonde.decisions.sources.intake import Intake

    if not path.exists():
        raise BadInput(path, None, "there is no such file or folder", "Check the path.")
    source = source_of(kind)
    name = path.resolve().stem if options.name is None else options.name
    _require_place(project, kind, name)
    access = _access(project, source, name, options)
    if options.exclude_channels:
        seen = chain(source.read(path), project.passages.all(name))
        _require_channels(seen, options.exclude_channels, access)
    # Who names a file or a mailbox asks for what is in it; an export of a chat holds more than its owner thinks of.
    applied = access if source.states_access else Access(include_private=True)
    return _Arrival(source, name, path, access, Intake(applied, keep_anchors=source.complete))


def _store(project: "Project", arrival: _Arrival, progress: Progress) -> tuple[int, int]:
    """Store what comes in and take out what has gone; return how many passages are new, and how many went.

    A source that cannot be read to its end leaves nothing behind, unless it was there before.
    """
    name, source = arrival.name, arrival.source
    is_new = name not in project.sources.names()
    state = (source.state or fingerprint)(arrival.path)
    facts = {"kind": source.kind, "path": str(arrival.path.resolve()), "fingerprint": state}
    if is_new:
        project.sources.add(name, **facts, access=arrival.access)
    try:
        n_new = project.passages.add(name, arrival.passages(progress))
        if source.people:
            project.identities.replace(name, source.people(arrival.path))
        if source.changes:
            (project.changes.replace if source.complete else project.changes.add)(name, arrival.changes())
    except BaseException:
        if is_new:
            project.sources.remove(name)
        raise
    project.sources.add(name, **facts, access=arrival.access)
    return n_new, 0 if is_new else _remove_outdated(project, arrival)


def _remove_outdated(project: "Project", arrival: _Arrival) -> int:
    outdated = list(arrival.intake.outdated(project.passages.all(arrival.name)))
    deleted = arrival.source.deleted(arrival.path) if arrival.source.deleted else ()
    return project.passages.discard(arrival.name, chain(outdated, deleted))


def _access(project: "Project", source: "Source", name: str, options: SourceOptions) -> Access:
    """What is asked for now, on top of what was asked for when the source came in before."""
    from sonde.decisions.sources.access import plain_name

    asked = options.include_private is not None or options.exclude_channels
    if asked and not source.states_access:
        raise WrongUse(f"A source of kind {source.kind} does not say who can read what: name the files to take in.")
    before = project.sources.row(name).access if name in project.sources.names() else PUBLIC
    private = before.include_private if options.include_private is None else options.include_private
    excluded = {*before.excluded_channels, *map(plain_name, options.exclude_channels)}
    return Access(private, tuple(sorted(excluded)))


def _require_channels(passages: Iterable[Passage], channels: Sequence[str], access: Access) -> None:
    """Refuse to exclude a channel that is not there: a slip of the pen would let in what was to stay out.

    Suggested are only names that may be seen: who is private with whom is private, too.
    """
    from sonde.decisions.sources.access import channel_names, plain_name

    known: set[str] = set()
    shown: set[str] = set()
    for passage in passages:
        names = channel_names(passage)
        known |= names
        if passage.visibility == "public" or access.include_private:
            shown |= names
    for channel in channels:
        if plain_name(channel) not in known:
            raise NotFound("channel", channel, shown)


def _require_place(project: "Project", kind: str, name: str) -> None:
    """Refuse a name that something else has; the same kind of source may come again with what is new in it."""
    require_name(project, "source", name)
    if name in project.sources.names() and project.sources.row(name).kind != kind:
        known = project.sources.row(name)
        raise SondeError(f"A source called {name!r} is there already ({known.kind}, {known.path}): add --name NAME.")


def fingerprint(path: Path) -> str:
    """Digest of a file's content, or of the names, sizes and times in a folder."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    digest = hashlib.sha256()
    for member in sorted(path.rglob("*")):
        try:
            stat = member.lstat()
        except FileNotFoundError:  # removed by others meanwhile
            continue
        digest.update(
            f"{member.relative_to(path)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape")
        )
    return digest.hexdigest()
