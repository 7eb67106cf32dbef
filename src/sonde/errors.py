"""Errors that a user meets: each says what must hold, what was found, and what to do."""

import difflib
from collections.abc import Iterable


class SondeError(Exception):
    """Something the user can mend; the message says how."""


class BadInput(SondeError):  # noqa: N818 - the field says "bad input", not "bad input error"
    """A file or folder given by the user cannot be taken as it is."""

    def __init__(self, path: object, place: str | None, problem: str, mend: str) -> None:
        where = f"{path}, {place}" if place else str(path)
        super().__init__(f"{where}: {problem}\n  {mend}")
        self.path, self.place, self.problem, self.mend = str(path), place, problem, mend


class NotFound(SondeError):  # noqa: N818
    """A name that the project does not hold; the nearest one is suggested."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none yet'}."
        super().__init__(f"No {kind} is called {name!r}; {hint}")


class WrongUse(SondeError):  # noqa: N818
    """The call itself is off: doors answer with exit code 2."""


class Locked(SondeError):  # noqa: N818
    """Another process writes to the project."""


class MissingPackage(SondeError):  # noqa: N818
    """An optional package is needed for what was asked."""


class Untrusted(SondeError):  # noqa: N818
    """A file could run code when loaded, and the user has not said that it may."""
