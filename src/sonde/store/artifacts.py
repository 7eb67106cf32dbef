"""Artifacts: fitted things, such as probes, kept as bytes under a kind and a name."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sonde.errors import SondeError
from sonde.records.jsonable import jsonable
from sonde.store.atomic_files import publish
from sonde.store.lake import Lake
from sonde.store.ledger import Ledger
from sonde.store.times import now, time_text


class ArtifactStore:
    """Artifacts of a project: rows in the ledger, bytes in the lake under their SHA-256."""

    def __init__(self, ledger: Ledger, lake: Lake) -> None:
        self._ledger = ledger
        self._lake = lake

    def names(self, kind: str) -> list[str]:
        """Names of the artifacts of a kind, sorted."""
        return [
            row["name"] for row in self._ledger.rows("SELECT name FROM artifacts WHERE kind = ? ORDER BY name", kind)
        ]

    def contents(self) -> set[str]:
        """SHA-256 of all artifacts, which name their files in the lake."""
        return {row["sha256"] for row in self._ledger.rows("SELECT DISTINCT sha256 FROM artifacts")}

    def put(self, kind: str, name: str, payload: bytes, meta: Mapping[str, Any]) -> None:
        """Keep bytes with a description; an artifact of the same kind and name is replaced."""
        sha256 = hashlib.sha256(payload).hexdigest()
        with self._ledger.lock.held():
            publish(self._lake.artifacts_folder / sha256, lambda temporary: temporary.write_bytes(payload), "artifact")
            with self._ledger.transaction("artifact_row") as connection:
                connection.execute(
                    "INSERT OR REPLACE INTO artifacts (kind, name, sha256, meta, added) VALUES (?, ?, ?, ?, ?)",
                    (kind, name, sha256, json.dumps(jsonable(meta)), time_text(now())),
                )
            # What was replaced is an orphan now: the next writer sweeps it away.

    def remove(self, kind: str, name: str) -> None:
        """Remove an artifact, where there is one; the next writer sweeps its bytes away."""
        with self._ledger.transaction("artifact_removal") as connection:
            connection.execute("DELETE FROM artifacts WHERE kind = ? AND name = ?", (kind, name))

    def get(self, kind: str, name: str) -> tuple[bytes, dict[str, Any]] | None:
        """Return bytes and description, or None where there is no such artifact."""
        row = self._ledger.row("SELECT sha256, meta FROM artifacts WHERE kind = ? AND name = ?", kind, name)
        if row is None:
            return None
        payload = (self._lake.artifacts_folder / row["sha256"]).read_bytes()
        if hashlib.sha256(payload).hexdigest() != row["sha256"]:
            raise SondeError(
                f"The {kind} {name!r} is not as it was written: fit it again, or restore it from a backup."
            )
        return payload, json.loads(row["meta"])
