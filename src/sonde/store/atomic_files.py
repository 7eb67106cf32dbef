"""Files that appear whole or not at all, also through a crash or a power cut."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from sonde.store.failpoints import failpoint

TEMPORARY = ".tmp"
"""Suffix of files that are being written; whatever carries it between two writes is an orphan."""


def publish(path: Path, write: Callable[[Path], object], what: str) -> None:
    """Let `write` fill a temporary file, then give it its name: written, fsynced, renamed, folder fsynced.

    `what` names the failpoints on the way.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        write(temporary)
        failpoint(f"{what}.written")
        _fsync(temporary)
        failpoint(f"{what}.fsynced")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    failpoint(f"{what}.renamed")
    _fsync(path.parent)
    failpoint(f"{what}.folder_fsynced")


def make_folder(path: Path) -> None:
    """Make a folder, with its parents, so that it survives a power cut."""
    path.mkdir(parents=True, exist_ok=True)
    _fsync(path.parent)


def remove_orphans(folder: Path) -> None:
    """Remove what interrupted writes left in a folder."""
    for orphan in folder.glob(f"*{TEMPORARY}"):
        orphan.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
