"""Sources of passages and changes: what was added to the project, from where."""

from dataclasses import dataclass
from datetime import datetime

from sonde.errors import NotFound
from sonde.store.ledger import Ledger
from sonde.store.times import now, time_of, time_text

_TABLES_WITH_SOURCE = ("passages", "changes")


@dataclass(frozen=True)
class SourceRow:
    """What the ledger says of a source. The fingerprint tells whether its content has changed since."""

    name: str
    kind: str
    path: str
    added: datetime
    fingerprint: str


class SourceStore:
    """Sources of a project."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def names(self) -> list[str]:
        """Names of the sources, in the order they were added."""
        return [row["name"] for row in self._ledger.rows("SELECT name FROM sources ORDER BY rowid")]

    def row(self, name: str) -> SourceRow:
        """Describe a source. Raises NotFound."""
        row = self._ledger.row("SELECT * FROM sources WHERE name = ?", name)
        if row is None:
            raise NotFound("source", name, self.names())
        return SourceRow(row["name"], row["kind"], row["path"], time_of(row["added"]), row["fingerprint"])

    def add(self, name: str, *, kind: str, path: str, fingerprint: str) -> None:
        """Register a source, or bring what is known of it up to date."""
        with self._ledger.transaction("source_row") as connection:
            connection.execute(
                "INSERT INTO sources (name, kind, path, added, fingerprint) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) "
                "DO UPDATE SET kind = excluded.kind, path = excluded.path, fingerprint = excluded.fingerprint",
                (name, kind, path, time_text(now()), fingerprint),
            )

    def remove(self, name: str) -> None:
        """Remove a source with its passages, changes and their links."""
        remove_source(self._ledger, name)


def remove_source(ledger: Ledger, name: str) -> None:
    """Remove all that came from a source, in one transaction. Raises NotFound where nothing did."""
    with ledger.transaction("source_removal") as connection:
        n_removed = connection.execute("DELETE FROM sources WHERE name = ?", (name,)).rowcount
        for table in _TABLES_WITH_SOURCE:
            n_removed += connection.execute(f"DELETE FROM {table} WHERE source = ?", (name,)).rowcount
        if n_removed == 0:
            raise NotFound("source", name, [row["name"] for row in connection.execute("SELECT name FROM sources")])
        # Links of removed changes went with them; those of removed passages go unless another source holds the anchor.
        connection.execute("DELETE FROM links WHERE passage NOT IN (SELECT anchor FROM passages)")
