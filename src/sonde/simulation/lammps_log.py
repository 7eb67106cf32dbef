"""The thermo tables of a LAMMPS log: what the run itself said of its energy and temperature."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sonde.errors import BadInput
from sonde.records.arrays import FloatArray

EV_PER_KCAL_PER_MOL = 1 / 23.060547830619026
"""Of units real; CODATA 2018."""
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*([eE][-+]?\d+)?|nan|inf)$", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class LammpsLog:
    """Thermo output, the runs one behind the other.

    columns: by the names LAMMPS prints (Step, Temp, PotEng, …), (n_rows,) each, in the units of the log; columns that
    not every run printed are left out. units: as the input set them, None where the log does not hold its input.
    warnings, error: as printed.
    """

    columns: dict[str, FloatArray]
    units: str | None
    warnings: tuple[str, ...]
    error: str | None

    def potential_energies_eV(self) -> dict[int, float]:  # noqa: N802 - the unit
        """Potential energy of each step that was printed, eV; empty where the log holds none, or other units."""
        factor = {"metal": 1.0, "real": EV_PER_KCAL_PER_MOL}.get(self.units or "")
        if factor is None or not {"Step", "PotEng"} <= set(self.columns):
            return {}
        steps = self.columns["Step"].astype(int).tolist()
        return dict(zip(steps, (factor * self.columns["PotEng"]).tolist(), strict=True))


def read_log(path: Path) -> LammpsLog:
    """Read thermo tables (thermo_style one, custom or multi's table form), warnings and the error that ended the run.

    Raises
    ------
    BadInput : the file is missing or holds no thermo table.
    """
    if not path.is_file():
        raise BadInput(path, None, "there is no such file", "Give the log that LAMMPS wrote: log.lammps.")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    tables = _tables(lines)
    if not tables:
        raise BadInput(path, None, "it holds no thermo table", "Give the log that LAMMPS wrote, with thermo output.")
    shared = [name for name in tables[0] if all(name in table for table in tables)]
    units = [line.split()[1] for line in lines if re.match(r"\s*units\s+\w", line)]
    errors = [line for line in lines if line.startswith("ERROR")]
    return LammpsLog(
        {name: np.concatenate([np.array(table[name], float) for table in tables]) for name in shared},
        units[-1] if units else None,
        tuple(line for line in lines if line.startswith("WARNING")),
        errors[-1] if errors else None,
    )


def _tables(lines: list[str]) -> list[dict[str, list[float]]]:
    """One table per run: from its header to the first line that is not as many numbers."""
    tables: list[dict[str, list[float]]] = []
    names: list[str] = []
    for line in lines:
        words = line.split()
        if words[:1] == ["Step"]:
            names = words
            tables.append({name: [] for name in names})
        elif names and len(words) == len(names) and all(_NUMBER.match(word) for word in words):
            for name, word in zip(names, words, strict=True):
                tables[-1][name].append(float(word))
        elif not line.startswith("WARNING"):
            names = []
    return [table for table in tables if table["Step"]]
