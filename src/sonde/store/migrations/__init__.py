"""Numbered steps from an empty ledger to today's. A step is never edited once released: a change is a new step."""

import sqlite3

from sonde.store.failpoints import failpoint
from sonde.store.migrations import (
    m001_ledger,
    m002_access,
    m003_bulk_index,
    m004_merge_later,
    m005_vocabulary,
    m006_identities,
    m007_mentions,
    m008_linked,
    m009_text_vectors,
    m010_gone,
    m011_read_again,
)

_STEPS = (
    m001_ledger,
    m002_access,
    m003_bulk_index,
    m004_merge_later,
    m005_vocabulary,
    m006_identities,
    m007_mentions,
    m008_linked,
    m009_text_vectors,
    m010_gone,
    m011_read_again,
)
SCRIPTS: tuple[str, ...] = tuple(step.SCRIPT for step in _STEPS)
FORMAT = len(SCRIPTS)
"""Number of the newest step, which is also what `.sonde/format` says."""


def applied(connection: sqlite3.Connection) -> int:
    """Return the number of the last step that a ledger went through."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, each step in a transaction of its own."""
    for number in range(applied(connection) + 1, FORMAT + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE;{SCRIPTS[number - 1]};PRAGMA user_version = {number};COMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        failpoint("migration.committed")
