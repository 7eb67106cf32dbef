"""A git repository, only ever read: no hooks, no settings of others, no network, no text taken for an option.

Commands are the plumbing ones (`rev-list`, `diff-tree`, `cat-file`, `ls-tree`), which no alias, pager, signature
program or textual filter of the repository's own configuration can redirect.
"""

import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from sonde.decisions.changes.objects import HEX, Objects
from sonde.errors import BadInput, MissingPackage

log = logging.getLogger(__name__)

ABSENT = "0" * 40
REGULAR_FILES = frozenset({"100644", "100755"})
SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.quotePath=false",
    "log.showSignature=false",  # else `git log` runs the program that the repository names for signatures
    "protocol.allow=never",
    "protocol.ext.allow=never",
)
ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",  # objects that a partial clone lacks are not fetched
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
MEND = "Give the top folder of a working copy, or a bare repository."


@dataclass(frozen=True)
class FileChange:
    """One regular file in one commit: blob ids before and after, None where the file came or went."""

    path: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Commit:
    """A commit and what it did to regular files; merges, and the cut ends of shallow clones, list no files."""

    id: str
    author: str | None
    time: datetime | None
    """When it was written (author time), UTC."""
    message: str
    merge: bool
    files: tuple[FileChange, ...]

    @property
    def summary(self) -> str:
        """First line of the message."""
        return self.message.partition("\n")[0]


@dataclass(frozen=True)
class Repository:
    """An opened repository: the commit that was asked for, as a full id, and what is known to be missing."""

    path: Path
    git_dir: Path
    head: str
    cut: frozenset[str]
    """Commits of a shallow clone whose parents are missing: what they changed cannot be told."""
    present: frozenset[str] | None
    """Objects of a partial clone that are here; None where all are."""

    def run(self, *arguments: str) -> bytes:
        """Run a plumbing command to its end."""
        return _run(self.path, self.git_dir, *arguments)

    def commits(self) -> Iterator[Commit]:
        """Yield every commit that the head builds on, parents before children."""
        with tempfile.TemporaryFile() as ids, self.objects() as objects:
            ids.write(self.run("rev-list", "--reverse", "--topo-order", self.head, "--"))
            ids.seek(0)
            options = "--stdin --always -r --root -z --raw --no-renames --no-abbrev --no-ext-diff --no-textconv"
            with _process(self, "diff-tree", *options.split(), stdin=ids) as output:
                listed = _listed(_fields(output))
                for commit, files in objects.ahead(listed, lambda entry: [entry[0]]):
                    yield parse_commit(commit, objects.read(commit) or b"", () if commit in self.cut else files)

    @contextmanager
    def objects(self) -> Iterator[Objects]:
        """Open a reader of objects by id."""
        with subprocess.Popen(
            _command(self.git_dir, "cat-file", "--batch"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        ) as process:
            assert process.stdin is not None  # for mypy: both are pipes
            assert process.stdout is not None
            try:
                yield Objects(process.stdin, process.stdout, self.present)
            finally:
                process.stdin.close()
                process.stdout.close()

    def files(self) -> list[tuple[str, str]]:
        """Path and blob id of every regular file in the head's tree."""
        listed = self.run("ls-tree", "-r", "-z", "--full-tree", self.head, "--")
        entries = (entry.partition("\t") for entry in _text(listed).split("\0") if entry)
        return [(path, facts.split()[2]) for facts, _, path in entries if facts.split()[0] in REGULAR_FILES]


def open_repository(path: Path, revision: str = "HEAD") -> Repository:
    """Open a working copy or a bare repository at a revision, which becomes a full commit id before anything else.

    Raises
    ------
    BadInput
        Where the path is no repository, holds no commit, or the revision names none.
    MissingPackage
        Where git itself is not installed.
    """
    if shutil.which("git") is None:
        raise MissingPackage("Reading a repository needs git on the PATH: install git, then try again.")
    path = Path(path).resolve()
    git_dir = _git_dir(path)
    head = _resolve(path, git_dir, revision)
    return Repository(path, git_dir, head, _cut(path, git_dir), _present(path, git_dir))


def _git_dir(path: Path) -> Path:
    if (path / ".git").exists():
        return path / ".git"
    if (path / "HEAD").is_file() and (path / "objects").is_dir():
        return path
    problem = "is not the top of a git repository" if path.is_dir() else "is not a folder"
    raise BadInput(path, None, problem, MEND)


def _resolve(path: Path, git_dir: Path, revision: str) -> str:
    if revision.startswith("-") or not revision.strip():
        raise BadInput(path, None, f"{revision!r} is no revision", "Name a branch, a tag or a commit.")
    try:
        found = _run(path, git_dir, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    except BadInput as failed:
        problem = "holds no commit" if revision == "HEAD" else f"has no commit called {revision!r}"
        raise BadInput(path, None, problem, "Commit something first, or name another branch.") from failed
    head = found.decode().strip()
    if not HEX.fullmatch(head):
        raise BadInput(path, None, "uses ids that are not 40 hex digits (SHA-256)", "Give a SHA-1 repository.")
    return head


def _cut(path: Path, git_dir: Path) -> frozenset[str]:
    shallow = Path(os.fsdecode(_run(path, git_dir, "rev-parse", "--git-path", "shallow").rstrip(b"\n")))
    shallow = shallow if shallow.is_absolute() else path / shallow
    cut = frozenset(shallow.read_text().split()) if shallow.is_file() else frozenset()
    if cut:
        log.warning("%s is a shallow clone: nothing is known from before its oldest commits", path)
    return cut


def _present(path: Path, git_dir: Path) -> frozenset[str] | None:
    """Objects that are here, if the repository is a partial clone."""
    common = Path(os.fsdecode(_run(path, git_dir, "rev-parse", "--git-common-dir").rstrip(b"\n")))
    packs = (common if common.is_absolute() else path / common) / "objects" / "pack"
    if not any(packs.glob("*.promisor")):
        return None
    arguments = ("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)")
    return frozenset(_run(path, git_dir, *arguments).decode().split())


def _environment() -> dict[str, str]:
    """Nothing of the caller's git settings reaches git: GIT_DIR is set where sonde runs inside a hook."""
    return {"PATH": os.environ.get("PATH", os.defpath), **ENVIRONMENT}


def _command(git_dir: Path, *arguments: str) -> list[str]:
    settings = [part for setting in SETTINGS for part in ("-c", setting)]
    return ["git", "--no-pager", f"--git-dir={git_dir}", *settings, *arguments]


def _run(path: Path, git_dir: Path, *arguments: str) -> bytes:
    done = subprocess.run(_command(git_dir, *arguments), cwd=path, capture_output=True, env=_environment(), check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"exit code {done.returncode}"
        raise BadInput(path, None, f"git {arguments[0]} failed ({said})", "Check it with: git fsck")
    return done.stdout


@contextmanager
def _process(repository: Repository, *arguments: str, stdin: IO[bytes]) -> Iterator[IO[bytes]]:
    """Run a plumbing command whose output is read while it works; its failure is told when the output ends."""
    with tempfile.TemporaryFile() as errors:
        command = _command(repository.git_dir, *arguments)
        with subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=errors, env=_environment()
        ) as process:
            assert process.stdout is not None  # for mypy: it is a pipe
            yield process.stdout
            process.stdout.close()
            if process.wait():
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip()
                mend = "Trees are missing (cloned with --filter=tree:0?) or damaged: clone with --filter=blob:none."
                raise BadInput(repository.path, None, f"git {arguments[0]} failed ({said})", mend)


def _fields(output: IO[bytes]) -> Iterator[str]:
    """Split output at NUL as it comes."""
    rest = b""
    while chunk := output.read(2**16):
        *fields, rest = (rest + chunk).split(b"\0")
        yield from map(_text, fields)


def _listed(fields: Iterator[str]) -> Iterator[tuple[str, tuple[FileChange, ...]]]:
    """Group the fields of `diff-tree --stdin -z` by commit: an id, then pairs of `:modes ids status` and path."""
    commit, files = "", []
    for field in fields:
        if field.startswith(":"):
            files += _file_change(field, next(fields))
            continue
        if commit:
            yield commit, tuple(files)
        commit, files = field, []
    if commit:
        yield commit, tuple(files)


def _file_change(facts: str, path: str) -> list[FileChange]:
    """Read one raw line; links and submodules count as no file."""
    old_mode, new_mode, old, new, _ = facts[1:].split()
    before = old if old_mode in REGULAR_FILES else None
    after = new if new_mode in REGULAR_FILES else None
    return [FileChange(path, before, after)] if before != after else []


def parse_commit(name: str, payload: bytes, files: tuple[FileChange, ...]) -> Commit:
    """Read a commit object: header lines, an empty line, the message in the encoding that the header names."""
    header, _, message = payload.partition(b"\n\n")
    lines = header.split(b"\n")
    facts = {key: value for key, _, value in (line.partition(b" ") for line in reversed(lines)) if key}
    encoding = facts.get(b"encoding", b"utf-8").decode(errors="replace")
    author, time = _signature(_decoded(facts.get(b"author", b""), encoding))
    merge = sum(line.startswith(b"parent ") for line in lines) > 1
    return Commit(name, author, time, _decoded(message, encoding).strip(), merge, files)


def _signature(text: str) -> tuple[str | None, datetime | None]:
    """Split `Name <mail> 1700000000 +0100`; the seconds are UTC whatever the zone says."""
    match = re.fullmatch(r"(.*?) ?<([^>]*)> (-?\d+) [+-]\d+", text)
    if match is None:
        return None, None
    try:
        time = datetime.fromtimestamp(int(match[3]), UTC)
    except (ValueError, OverflowError, OSError):
        time = None
    return match[1].strip() or match[2] or None, time


def _decoded(payload: bytes, encoding: str) -> str:
    try:
        return payload.decode(encoding)
    except (LookupError, UnicodeDecodeError):
        return payload.decode("utf-8", errors="replace")


def _text(payload: bytes) -> str:
    return payload.decode("utf-8", errors="backslashreplace")


def tell_missing(repository: Repository, objects: Objects) -> None:
    """Log how many versions of files a partial clone lacks: nothing is known of what they held."""
    if objects.missing:
        advice = "git fetch --refetch --no-filter brings them"
        log.warning("%s lacks %d objects (partial clone?); %s", repository.path, len(objects.missing), advice)
