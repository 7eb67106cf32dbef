"""Names that users give: what they may be, and that no two things share one."""

from typing import TYPE_CHECKING

from sonde.errors import SondeError, WrongUse

if TYPE_CHECKING:
    from sonde.store import Project


def require_name(project: "Project", kind: str, name: str) -> None:
    """Refuse a name that cannot be typed back, and one that something of another kind has: `remove` goes by names.

    Raises WrongUse for the first, SondeError for the second.
    """
    if not name.strip() or not name.isprintable() or name.startswith("-") or name != name.strip():
        raise WrongUse(f"A {kind} cannot be called {name!r}: give it a name of visible characters with --name.")
    owners = {
        "dataset": project.datasets.names,
        "source": project.sources.names,
        "potential": project.potentials.names,
    }
    for other, names in owners.items():
        if other != kind and name in names():
            raise SondeError(f"A {other} is called {name!r} already: give the {kind} another name.")
