"""Runs: written before the work starts, closed when it ends, so that what was cut off can be seen."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sonde.errors import NotFound, WrongUse
from sonde.records.jsonable import jsonable
from sonde.store.ledger import Ledger, Row
from sonde.store.times import now, optional_time_of, time_of, time_text

RunEnd = Literal["done", "failed", "stopped"]


@dataclass(frozen=True)
class RunRow:
    """What the ledger says of a run; `running` with no live writer means that it was cut off."""

    id: int
    kind: str
    settings: Mapping[str, Any]
    state: Literal["running", "done", "failed", "stopped"]
    started: datetime
    ended: datetime | None
    result: Mapping[str, Any] | None


class RunStore:
    """Runs of a project. Settings and results are kept as JSON, as `jsonable` writes them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def start(self, kind: str, settings: Mapping[str, Any]) -> int:
        """Write down that work begins, and return the run's id."""
        with self._ledger.transaction("run_row") as connection:
            cursor = connection.execute(
                "INSERT INTO runs (kind, settings, state, started) VALUES (?, ?, 'running', ?)",
                (kind, json.dumps(jsonable(settings)), time_text(now())),
            )
        return int(cursor.lastrowid or 0)

    def close(self, run_id: int, state: RunEnd, result: Mapping[str, Any]) -> None:
        """Write down how a run ended; it can end only once."""
        with self._ledger.transaction("run_end") as connection:
            found = connection.execute(
                "UPDATE runs SET state = ?, ended = ?, result = ? WHERE id = ? AND state = 'running'",
                (state, time_text(now()), json.dumps(jsonable(result)), run_id),
            )
            if found.rowcount == 0:
                raise WrongUse(f"Run {run_id} is not running: a run is started once and closed once.")

    def row(self, run_id: int) -> RunRow:
        """Describe a run. Raises NotFound."""
        row = self._ledger.row("SELECT * FROM runs WHERE id = ?", run_id)
        if row is None:
            raise NotFound("run", str(run_id), [str(known.id) for known in self.all()])
        return _run(row)

    def all(self, kind: str | None = None) -> list[RunRow]:
        """Return all runs, or those of a kind, oldest first."""
        query = "SELECT * FROM runs WHERE ? IS NULL OR kind = ? ORDER BY id"
        return [_run(row) for row in self._ledger.rows(query, kind, kind)]


def _run(row: Row) -> RunRow:
    result = None if row["result"] is None else json.loads(row["result"])
    started, ended = time_of(row["started"]), optional_time_of(row["ended"])
    return RunRow(row["id"], row["kind"], json.loads(row["settings"]), row["state"], started, ended, result)
