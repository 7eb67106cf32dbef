"""Ionic steps of a VASP run, and the frames that they become.

Energies: `energy_eV` is extrapolated to no smearing (sigma → 0), the free energy and the energy without entropy stand
in tags; where only the free energy is known, that is the energy, and the tag `energy_kind` says so. Stress: VASP prints
kbar, positive under compression, in the order xx yy zz xy yz zx; frames hold eV/Å³, positive under tension.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase.units import GPa

from sonde.datasets.readers.cells import checked_cell, checked_positions
from sonde.datasets.readers.labels import LabelDefect
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.run_provenance import EnergyKind, RunProvenance, StepFacts
from sonde.datasets.readers.vasp_functional import (
    NOTHING_PRINTED,
    SMALLEST_ADDED_EV,
    PrintedDispersion,
    dispersion_by_energy,
)
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.frames import Frame, Tag

KBAR_TO_EV_PER_A3 = -0.1 * GPa
PERIODIC = np.ones(3, bool)
SAME_GEOMETRY_A = 2e-5


@dataclass(frozen=True, eq=False)
class Energies:
    """Energies of one ionic step, eV; None where the output does not hold them."""

    free: float | None = None
    sigma_to_zero: float | None = None
    without_entropy: float | None = None
    added: float | None = None
    """What was added to the free energy after the last electronic step, such as a dispersion correction."""


@dataclass(frozen=True, eq=False)
class IonicStep:
    """One ionic step.

    Attributes
    ----------
    cell, positions : Å, vectors as rows, positions Cartesian; None where the output does not print them.
    forces : (n_atoms, 3), eV/Å.
    stress_kbar : (3, 3), positive under compression.
    scf_converged : None where the output cannot tell.
    ml_md : predicted by a force field trained on the fly.
    moments : magnetic moments, μB: of the cell, and the sum of the absolute ones of the ions.
    dispersion : what the step prints of a dispersion correction.
    energy_note : where the energies were taken from, if not from where one would look.
    """

    cell: FloatArray | None
    positions: FloatArray | None
    energies: Energies = Energies()
    forces: FloatArray | None = None
    stress_kbar: FloatArray | None = None
    electronic_steps: int | None = None
    scf_converged: bool | None = None
    ml_md: bool = False
    moments: tuple[float | None, float | None] = (None, None)
    dispersion: PrintedDispersion = NOTHING_PRINTED
    energy_note: str | None = None
    defects: tuple[str, ...] = ()


def electrons_converged(
    n_steps: int | None, change_eV: float | None, most_steps: int | None, tolerance_eV: float | None
) -> bool | None:
    """Judge an electronic loop by its length, and where NELM may have ended it by its last change of the energy.

    A change below EDIFF at the last step that was allowed is no proof: VASP also asks it of the band energy.
    """
    if n_steps is None:
        return None
    if most_steps is None or n_steps < most_steps:
        return True
    return None if change_eV is None or tolerance_eV is None or change_eV < tolerance_eV else False


@dataclass(frozen=True, eq=False)
class Run:
    """What all steps of a run share."""

    path: Path
    numbers: IntArray
    provenance: RunProvenance
    facts: StepFacts
    defects: tuple[str, ...] = ()


def frames_of(run: Run, steps: Iterable[IonicStep], first_ordinal: int = 0) -> Iterator[Frame]:
    """Turn the steps of a run into frames; steps without a geometry are left out, and the frame before them says so."""
    held: IonicStep | None = None
    ordinal, number_of_held, left_out = first_ordinal, 0, 0
    for number, step in enumerate(_one_per_geometry(steps)):
        if step.cell is None or step.positions is None:
            left_out += 1
            continue
        if held is None:
            run = _settled(run, step)
            tags = {**run.provenance.tags(), **run.facts.tags()}
        else:
            yield _placed(run, _with_gap(held, left_out), tags, number_of_held, ordinal)
            ordinal += 1
        held, number_of_held, left_out = step, number, 0
    if held is not None:
        yield _placed(run, _with_gap(held, left_out), tags, number_of_held, ordinal)


def _settled(run: Run, first: IonicStep) -> Run:
    """Let the first energies settle whether there was a dispersion correction, where no setting does."""
    added = first.energies.added
    stated = run.provenance.dispersion
    dispersion = stated or dispersion_by_energy(added, first.dispersion)
    unexplained: tuple[str, ...] = ()
    if dispersion in (None, "none") and added is not None and abs(added) >= SMALLEST_ADDED_EV:
        unexplained = ("energy was added after the last electronic step that no setting explains",)
    return replace(run, provenance=replace(run.provenance, dispersion=dispersion), defects=(*run.defects, *unexplained))


def _with_gap(step: IonicStep, left_out: int) -> IonicStep:
    if not left_out:
        return step
    return replace(step, defects=(*step.defects, f"{left_out} ionic steps after this one print no positions"))


def _one_per_geometry(steps: Iterable[IonicStep]) -> Iterator[IonicStep]:
    """Leave out a predicted step where the calculated one of the same geometry follows."""
    held: IonicStep | None = None
    for step in steps:
        if held is not None and (step.ml_md or not _same_geometry(held, step)):
            yield held
        held = step if step.ml_md else None
        if held is None:
            yield step
    if held is not None:
        yield held


def _same_geometry(a: IonicStep, b: IonicStep) -> bool:
    if a.positions is None or b.positions is None or a.positions.shape != b.positions.shape:
        return False
    return bool(np.abs(a.positions - b.positions).max(initial=0.0) < SAME_GEOMETRY_A)


def _placed(run: Run, step: IonicStep, run_tags: Mapping[str, Tag], number: int, ordinal: int) -> Frame:
    try:
        return _frame(run, step, run_tags, number, ordinal)
    except LabelDefect as defect:
        raise Place(run.path, ordinal).bad(str(defect), "mend or remove the run.") from defect


def _frame(run: Run, step: IonicStep, run_tags: Mapping[str, Tag], number: int, ordinal: int) -> Frame:
    assert step.cell is not None
    assert step.positions is not None
    cell, periodic = checked_cell(step.cell, PERIODIC)
    if not cell.any():
        raise LabelDefect("the cell has no volume")
    energy, kind = _energy(step)
    forces, stress, odd = _labels(step, len(run.numbers))
    facts = _facts(step, number, (*run.defects, *step.defects, *odd))
    return Frame(
        numbers=run.numbers,
        positions=checked_positions(step.positions, len(run.numbers)),
        cell=cell,
        pbc=periodic,
        energy_eV=energy,
        forces_eV_per_A=forces,
        stress_eV_per_A3=stress,
        tags={**run_tags, **facts, **({"energy_kind": str(kind)} if kind else {})},
        source_file=str(run.path),
        ordinal=ordinal,
    )


def _energy(step: IonicStep) -> tuple[float | None, EnergyKind | None]:
    if step.ml_md:
        return None, None
    if step.energies.sigma_to_zero is not None:
        return step.energies.sigma_to_zero, EnergyKind.SIGMA_TO_ZERO
    return (step.energies.free, EnergyKind.FREE) if step.energies.free is not None else (None, None)


def _labels(step: IonicStep, n_atoms: int) -> tuple[FloatArray | None, FloatArray | None, tuple[str, ...]]:
    """Return forces, stress in eV/Å³, and what is odd; predictions of a force field are no labels."""
    if step.ml_md:
        return None, None, ()
    odd = [] if step.energies.free is not None else ["the step prints no energy"]
    forces, stress = step.forces, step.stress_kbar
    if forces is not None and (forces.shape != (n_atoms, 3) or not np.isfinite(forces).all()):
        forces = None
        odd.append("the forces hold what is no number")
    if stress is not None and not np.isfinite(stress).all():
        stress = None
        odd.append("the stress holds what is no number")
    tensor = None if stress is None else (stress + stress.T) / 2 * KBAR_TO_EV_PER_A3
    return forces, tensor, tuple(odd)


def _facts(step: IonicStep, number: int, defects: tuple[str, ...]) -> dict[str, Tag]:
    calculated = not step.ml_md
    added = step.energies.added
    return StepFacts(
        ionic_step=number,
        scf_converged=step.scf_converged if calculated else None,
        electronic_steps=step.electronic_steps if calculated else None,
        ml_md=step.ml_md,
        total_magnetic_moment=step.moments[0],
        absolute_magnetic_moment=step.moments[1],
        free_energy_eV=step.energies.free if calculated else None,
        energy_without_entropy_eV=step.energies.without_entropy if calculated else None,
        energy_note=step.energy_note,
        energy_added_after_scf_eV=added if added is not None and abs(added) >= SMALLEST_ADDED_EV else None,
        defects="; ".join(defects) or None,
    ).tags()
