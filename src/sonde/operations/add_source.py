"""`sonde add git|slack|mail|notes|slides`: take what people wrote into the project."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from sonde.errors import BadInput
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
    from sonde.decisions import sources

    if not path.exists():
        raise BadInput(path, None, "there is no such file or folder", "Check the path.")
    name = name or path.resolve().stem
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
        n_links = _link_again(project)
    return AddedSource(name, kind, str(path), len(passages), n_new, len(changes), n_links, stored=True)


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
    project.links.replace(links)
    return len(links)
