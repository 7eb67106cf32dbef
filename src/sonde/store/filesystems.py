"""Which journal SQLite may keep where: write-ahead logs need shared memory, which network filesystems lack."""

from pathlib import Path
from typing import Literal

JournalMode = Literal["WAL", "DELETE"]

LOCAL = frozenset(
    ["ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "bcachefs", "tmpfs", "ramfs", "overlay"],
)
"""Filesystem types that one machine alone writes to. All others (nfs, lustre, gpfs, cifs, fuse.sshfs …) are not."""

_MOUNTS = Path("/proc/self/mounts")


def journal_mode_for(folder: Path, mounts: str | None = None) -> JournalMode:
    """WAL where the folder is known to lie on a local filesystem, else DELETE.

    `mounts` is a table in the format of /proc/mounts; None reads the machine's own, which only Linux has.
    """
    if mounts is None:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape") if _MOUNTS.exists() else ""
    return "WAL" if filesystem_type(folder, mounts) in LOCAL else "DELETE"


def filesystem_type(folder: Path, mounts: str) -> str | None:
    """Type of the filesystem that holds a folder, or None where the table does not tell."""
    folder = folder.resolve()
    deepest, found = -1, None
    for line in mounts.splitlines():
        _, place, kind, *_ = line.split(" ")
        mount = Path(_unescaped(place))
        # Of two mounts on one place the later covers the earlier.
        if folder.is_relative_to(mount) and len(mount.parts) >= deepest:
            deepest, found = len(mount.parts), kind
    return found


def _unescaped(place: str) -> str:
    for octal, character in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        place = place.replace(octal, character)
    return place
