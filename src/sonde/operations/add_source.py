"""`sonde add git|slack|mail|notes|slides`: take what people wrote into the project."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sonde.errors import BadInput, SondeError
from sonde.operations.names import require_name
from sonde.progress import SILENT, Progress

if TYPE_CHECKING:
    from sonde.store import Project


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


def add_source(
    project: "Project",
    kind: str,
    path: Path,
    *,
    name: str | None = None,
    dry_run: bool = False,
    progress: Progress = SILENT,
) -> AddedSource:
    """Read a repository, a Slack export, mail, notes or slides: passages with anchors, and changes of values in git."""
    added = _take_in(project, kind, path, name=name, dry_run=dry_run, progress=progress)
    return added if dry_run else replace(added, n_links=_link_again(project))


def add_sources(
    project: "Project", named: Sequence[tuple[str, Path]], *, progress: Progress = SILENT
) -> tuple[AddedSource, ...]:
    """Read several sources, given as (kind, path), and link them once."""
    added = [_take_in(project, kind, path, name=None, dry_run=False, progress=progress) for kind, path in named]
    n_links = _link_again(project)
    return tuple(replace(source, n_links=n_links) for source in added)


def _take_in(
    project: "Project", kind: str, path: Path, *, name: str | None, dry_run: bool, progress: Progress
) -> AddedSource:
    from sonde.decisions import sources

    if not path.exists():
        raise BadInput(path, None, "there is no such file or folder", "Check the path.")
    name = path.resolve().stem if name is None else name
    _require_place(project, kind, name)
    read = sources.readers[kind]
    label = f"reading {kind} {name}"
    passages = list(progress.track(read(path), label))
    changes = list(sources.git.changes(path)) if kind == "git" else []
    if dry_run:
        return AddedSource(name, kind, str(path), len(passages), 0, len(changes), 0, stored=False)
    with project.writing():
        project.sources.add(name, kind=kind, path=str(path.resolve()), fingerprint=fingerprint(path))
        n_new = project.passages.add(name, passages)
        if kind == "git":
            project.changes.add(name, changes)
    return AddedSource(name, kind, str(path), len(passages), n_new, len(changes), 0, stored=True)


def _require_place(project: "Project", kind: str, name: str) -> None:
    """Refuse a name that something else has; the same kind of source may come again with what is new in it."""
    require_name(project, "source", name)
    if name in project.sources.names() and project.sources.row(name).kind != kind:
        known = project.sources.row(name)
        raise SondeError(f"A source called {name!r} is there already ({known.kind}, {known.path}): add --name NAME.")


def fingerprint(path: Path) -> str:
    """Digest of a file's content, or of the names, sizes and times in a folder."""
    digest = hashlib.sha256()
    if path.is_file():
        digest.update(path.read_bytes())
        return digest.hexdigest()
    for member in sorted(path.rglob("*")):
        stat = member.lstat()
        digest.update(f"{member.relative_to(path)}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _link_again(project: "Project") -> int:
    """Link all passages with all changes: a new source may explain a change that came with an older one."""
    from sonde.decisions.linking import link

    links = link(project.changes.all(), list(project.passages.all()))
    with project.writing():
        project.links.replace(links)
    return len(links)
