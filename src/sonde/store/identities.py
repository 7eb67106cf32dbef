"""Names and addresses by which sources call people."""

from collections.abc import Iterable

from sonde.records.decisions import Identity
from sonde.store.ledger import Ledger


class IdentityStore:
    """What the sources of a project say of people."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def replace(self, source: str, identities: Iterable[Identity]) -> None:
        """Let a source hold exactly these."""
        rows = [(source, one.name, one.email, one.handle) for one in dict.fromkeys(identities)]
        with self._ledger.transaction("identities") as connection:
            connection.execute("DELETE FROM identities WHERE source = ?", (source,))
            connection.executemany("INSERT INTO identities (source, name, email, handle) VALUES (?, ?, ?, ?)", rows)

    def all(self) -> list[Identity]:
        """Return what all sources say, in the order it came."""
        rows = self._ledger.rows("SELECT name, email, handle, source FROM identities ORDER BY id")
        return [Identity(*row) for row in rows]
