"""The names that a file of a repository had before."""

from pathlib import Path

from sonde.decisions.changes.repository import open_repository
from sonde.errors import BadInput

PLAIN = ("--no-show-signature", "--no-ext-diff", "--no-textconv", "--format=", "--name-only", "-z")


def names_of(repository: Path, file: str) -> tuple[str, ...]:
    """Return the names of a file, as it is and as it was through renames, the present one first.

    Nothing but the name given where git knows no such file, or lacks what it would compare (partial clones).

    Raises
    ------
    BadInput
        Where the path is no repository, or holds no commit.
    """
    opened = open_repository(repository)
    try:
        listed = opened.run("--literal-pathspecs", "log", "--follow", *PLAIN, opened.head, "--", file)
    except BadInput:
        return (file,)
    names = (name for name in listed.decode("utf-8", "backslashreplace").split("\0") if name.strip("\n"))
    return tuple(dict.fromkeys([file, *(name.strip("\n") for name in names)]))
