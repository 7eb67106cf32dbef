"""Real git repositories with fixed authors and dates, written in one go through `git fast-import`."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sonde.errors import MissingPackage, SondeError
from sonde.sample_lab.timeline import Commit

BRANCH = "refs/heads/main"


def write_repository(folder: Path, commits: Sequence[Commit]) -> tuple[str, ...]:
    """Create the repository with its working copy and return the commit ids in order.

    The user's own git settings are not read, so that the same commits get the same ids everywhere.
    """
    folder.mkdir(parents=True)
    marks = folder.resolve() / ".git" / "marks"  # git runs inside the folder
    _git(folder, "init", "--quiet", "--initial-branch=main", "--template=")
    _git(folder, "config", "core.logAllRefUpdates", "false")  # a reflog would name this machine's user and clock
    _git(folder, "fast-import", "--quiet", f"--export-marks={marks}", given=_stream(commits))
    _git(folder, "reset", "--quiet", "--hard", "main")
    ids = dict(line[1:].split() for line in marks.read_text().splitlines())
    marks.unlink()
    return tuple(ids[str(i + 1)] for i in range(len(commits)))


def file_at(folder: Path, commit: str, path: str) -> str:
    """Return the text of a file at a commit."""
    return _git(folder, "show", f"{commit}:{path}").decode()


def _stream(commits: Sequence[Commit]) -> bytes:
    return b"".join(_commit(commit, mark + 1) for mark, commit in enumerate(commits))


def _commit(commit: Commit, mark: int) -> bytes:
    who = f"{commit.author.name} <{commit.author.email}> {int(commit.time.timestamp())} {commit.time:%z}"
    head = f"commit {BRANCH}\nmark :{mark}\nauthor {who}\ncommitter {who}\n".encode()
    return head + _data(commit.message + "\n") + b"".join(_file(p, t) for p, t in _ordered(commit.files)) + b"\n"


def _ordered(files: Mapping[str, str | None]) -> list[tuple[str, str | None]]:
    return sorted(files.items())


def _file(path: str, text: str | None) -> bytes:
    if text is None:
        return f"D {path}\n".encode()
    return f"M 100644 inline {path}\n".encode() + _data(text)


def _data(text: str) -> bytes:
    payload = text.encode()
    return f"data {len(payload)}\n".encode() + payload + b"\n"


def _git(folder: Path, *arguments: str, given: bytes | None = None) -> bytes:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, input=given, env=environment, capture_output=True, check=True
        )
    except FileNotFoundError as missing:
        raise MissingPackage("The sample laboratory needs git on the PATH: install git, then try again.") from missing
    except subprocess.CalledProcessError as failed:
        raise SondeError(
            f"git {arguments[0]} failed in {folder}:\n{failed.stderr.decode(errors='replace')}"
        ) from failed
    return done.stdout
