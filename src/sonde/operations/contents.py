"""`sonde list`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sonde.store import Project


@dataclass(frozen=True)
class Item:
    """One thing that the project holds."""

    kind: str
    name: str
    of: str | None
    """Parent of a dataset, training dataset of a potential, path of a source."""
    n: int | None
    """Frames of a dataset."""


@dataclass(frozen=True)
class Contents:
    """Everything that the project holds."""

    SCHEMA: ClassVar[str] = "sonde.list/1"
    root: str
    items: tuple[Item, ...]


def contents(project: "Project") -> Contents:
    """List datasets, potentials and sources."""
    rows = [project.datasets.row(name) for name in project.datasets.names()]
    potentials = [project.potentials.get(name) for name in project.potentials.names()]
    sources = [project.sources.row(name) for name in project.sources.names()]
    items = (
        *(Item("dataset", row.name, row.child_of, row.n_frames) for row in rows),
        *(Item(f"potential ({p.identity.adapter})", p.name, p.trained_on, None) for p in potentials),
        *(Item(f"source ({s.kind})", s.name, str(s.path), None) for s in sources),
    )
    return Contents(str(project.root), items)
