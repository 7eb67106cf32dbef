"""Sources of passages and changes: what was added to the project, from where."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from sonde.errors import NotFound
from sonde.records.decisions import PUBLIC, Access
from sonde.store.ledger import Ledger
from sonde.store.times import now, time_of, time_text
from sonde.store.vocabulary import forget_mentions, forget_words, words_at_stake

_TABLES_WITH_SOURCE = ("passages", "changes", "identities")


@dataclass(frozen=True)
class SourceRow:
    """What the ledger says of a source. The fingerprint tells whether its content has changed since."""

    name: str
    kind: str
    path: str
    added: datetime
    fingerprint: str
    access: Access = PUBLIC
    """What was asked for of an export that says who can read what."""


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
        added, access = time_of(row["added"]), _access(row["access"])
        return SourceRow(row["name"], row["kind"], row["path"], added, row["fingerprint"], access)

    def add(self, name: str, *, kind: str, path: str, fingerprint: str, access: Access = PUBLIC) -> None:
        """Register a source, or bring what is known of it up to date."""
        with self._ledger.transaction("source_row") as connection:
            connection.execute(
                "INSERT INTO sources (name, kind, path, added, fingerprint, access) VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, path = excluded.path, "
                "fingerprint = excluded.fingerprint, access = excluded.access",
                (name, kind, path, time_text(now()), fingerprint, json.dumps(asdict(access))),
            )

    def remove(self, name: str) -> None:
        """Remove a source with its passages, changes and their links."""
        remove_source(self._ledger, name)


def _access(text: str) -> Access:
    stated = json.loads(text)
    return Access(bool(stated.get("include_private")), tuple(stated.get("excluded_channels", ())))


def remove_source(ledger: Ledger, name: str) -> None:
    """Remove all that came from a source, in one transaction. Raises NotFound where nothing did."""
    with ledger.transaction("source_removal") as connection:
        words = words_at_stake(connection, "source = ?", name)
        n_removed = connection.execute("DELETE FROM sources WHERE name = ?", (name,)).rowcount
        for table in _TABLES_WITH_SOURCE:
            n_removed += connection.execute(f"DELETE FROM {table} WHERE source = ?", (name,)).rowcount
        if n_removed == 0:
            raise NotFound("source", name, [row["name"] for row in connection.execute("SELECT name FROM sources")])
        # Links of removed changes went with them; those of removed passages go unless another source holds the anchor.
        connection.execute("DELETE FROM links WHERE NOT EXISTS (SELECT 1 FROM passages WHERE anchor = passage)")
        forget_words(connection, words)
        forget_mentions(connection)
