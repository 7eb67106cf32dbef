"""Registered potentials."""

import json
from dataclasses import asdict
from typing import Any

from sonde.errors import NotFound, WrongUse
from sonde.records.potentials import ForceResiduals, PotentialIdentity, RegisteredPotential
from sonde.store.ledger import Ledger
from sonde.store.times import now, time_text


class PotentialStore:
    """Potentials of a project."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def names(self) -> list[str]:
        """Names of the potentials, in the order they were registered."""
        return [row["name"] for row in self._ledger.rows("SELECT name FROM potentials ORDER BY rowid")]

    def get(self, name: str) -> RegisteredPotential:
        """Return a potential as it was registered. Raises NotFound."""
        row = self._ledger.row("SELECT record FROM potentials WHERE name = ?", name)
        if row is None:
            raise NotFound("potential", name, self.names())
        return _record(json.loads(row["record"]))

    def add(self, potential: RegisteredPotential) -> None:
        """Register a potential. Raises WrongUse where the name is taken by another."""
        text = json.dumps(asdict(potential))
        with self._ledger.transaction("potential_row") as connection:
            row = connection.execute("SELECT record FROM potentials WHERE name = ?", (potential.name,)).fetchone()
            if row is not None and _record(json.loads(row["record"])) != potential:
                raise WrongUse(
                    f"A potential called {potential.name!r} is registered otherwise: take another name, or remove it "
                    f"first (sonde remove {potential.name})."
                )
            connection.execute(
                "INSERT INTO potentials (name, added, record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (potential.name, time_text(now()), text),
            )

    def remove(self, name: str) -> None:
        """Remove a potential. Raises NotFound."""
        with self._ledger.transaction("potential_removal") as connection:
            if connection.execute("DELETE FROM potentials WHERE name = ?", (name,)).rowcount == 0:
                raise NotFound("potential", name, self.names())


def _record(named: dict[str, Any]) -> RegisteredPotential:
    identity, residuals = named["identity"], named["residuals"]
    references = {int(number): energy for number, energy in named["reference_energies_eV"].items()}
    return RegisteredPotential(
        **named
        | {
            "identity": PotentialIdentity(**identity | {"elements": tuple(identity["elements"])}),
            "residuals": None if residuals is None else ForceResiduals(**residuals),
            "reference_energies_eV": references,
        }
    )
