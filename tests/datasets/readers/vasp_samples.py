"""Outputs of VASP as it prints them, with known numbers, for what the real files do not show."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import GPa

from sonde.records.arrays import FloatArray

RULE = "-" * 104
ORDER_IN_VOIGT = (0, 1, 2, 5, 3, 4)
"""xx yy zz xy yz zx, as VASP prints, out of xx yy zz yz xz xy."""


@dataclass(frozen=True)
class PrintedRun:
    """What a printed run was told and how it went; indices in `predicted` are steps of the force field alone."""

    incar: str = "   GGA = PE\n   ENCUT = 450\n"
    settings: dict[str, str] = field(default_factory=dict)
    potentials: tuple[str, ...] = ("PAW_PBE Ni_pv 06Sep2000", "PAW_PBE O 08Apr2002")
    lexch: str = "PE"
    number_of_lexch: int = 8
    predicted: tuple[int, ...] = ()
    unconverged: tuple[int, ...] = ()
    added_eV: float = 0.0
    after_scf: str = ""
    smearing_eV: float = 0.004
    moments: tuple[float, ...] = ()
    ends: bool = True


def rock_salt(n_steps: int = 3, seed: int = 0) -> list[Atoms]:
    """Cells of two Ni and two O that move, each with energy, forces and stress."""
    rng = np.random.default_rng(seed)
    fractions = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0], [0, 0.5, 0]])
    cell = np.array([[4.2, 0, 0], [0.1, 4.2, 0], [0, 0.2, 4.2]])
    return [_labelled(Atoms("Ni2O2", scaled_positions=fractions, cell=cell, pbc=True), rng) for _ in range(n_steps)]


def _labelled(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    atoms.positions = np.round(atoms.positions + rng.normal(0, 0.05, (4, 3)) + 0.3, 5)
    forces, stress = np.round(rng.normal(0, 0.4, (4, 3)), 6), np.round(rng.normal(0, 20, 6), 5) * -0.1 * GPa
    atoms.calc = SinglePointCalculator(atoms, energy=round(-20 + rng.normal(), 8), forces=forces, stress=stress)
    return atoms


def full_kbar(atoms: Atoms) -> FloatArray:
    """Return the stress as VASP holds it: (3, 3), kbar, positive under compression."""
    return np.array(atoms.get_stress(voigt=False) / (-0.1 * GPa), float)


def outcar(images: Sequence[Atoms], run: PrintedRun = PrintedRun()) -> str:
    """Print an OUTCAR of VASP 6.4: the energy of the images is extrapolated to no smearing."""
    steps = "".join(_step(number, atoms, run) for number, atoms in enumerate(images))
    end = f"\n General timing and accounting informations for this job:\n {RULE}\n" if run.ends else ""
    return _header(images[0], run) + steps + end


def write_outcar(folder: Path, images: Sequence[Atoms], run: PrintedRun = PrintedRun()) -> Path:
    """Write an OUTCAR into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "OUTCAR"
    path.write_text(outcar(images, run), encoding="ascii")
    return path


def _header(atoms: Atoms, run: PrintedRun) -> str:
    settings = {"ISTART": "0", "NELM": "60", "EDIFF": "0.1E-04", "ENCUT": "450.0", "ISPIN": "1", "LASPH": "T"}
    settings |= {"LSORBIT": "F", "LNONCOLLINEAR": "F", "LREAL": "F", "ISMEAR": "0", "SIGMA": "0.05", "NUPDOWN": "-1.0"}
    settings |= {"LMAXMIX": "4", "NELECT": "44.0", "IBRION": "0", "NSW": "9", "PREC": "accura", **run.settings}
    lines = "".join(f"   {key} = {value}\n" for key, value in settings.items())
    titles = "".join(f" POTCAR:    {title}\n" for title in run.potentials)
    positions = "".join("   " + "".join(f"{x:12.8f}" for x in row) + "\n" for row in atoms.positions)
    return (
        f" vasp.6.4.1 05Apr23 (build Jun 14 2024 13:23:31) complex\n"
        f" executed on             LinuxGNU date 2024.10.09  13:05:18\n running    4 mpi-ranks\n\n\n"
        f" INCAR:\n{run.incar}\n{titles}{''.join(_potential(title, run.lexch) for title in run.potentials)}"
        f" ion  position\n   ions per type =               2   2\n\n"
        f" Startparameter for this run:\n{lines}"
        f"   ZVAL   =  16.00  6.00\n\n   GGA     =    --    GGA type\n"
        f"   LEXCH   =     {run.number_of_lexch}    internal setting for exchange type\n"
        f"   LHFCALC =     F    Hartree Fock is set to\n\n Linear response parameters\n\n"
        f" Found      4 irreducible k-points:\n\n{_cell(atoms)}\n"
        f" position of ions in cartesian coordinates  (Angst):\n{positions}\n\n{RULE}\n\n"
    )


def _potential(title: str, lexch: str) -> str:
    return (
        f" POTCAR:    {title}\n   VRHFIN ={title.split()[1][:2].strip('_')}: valence\n   LEXCH  = {lexch}\n"
        f"   TITEL  = {title}\n   ENMAX  =  400.000; ENMIN  =  300.000 eV\n"
    )


def _cell(atoms: Atoms) -> str:
    rows = zip(atoms.cell.array, np.linalg.inv(atoms.cell.array).T, strict=True)
    body = "".join("   " + "".join(f"{x:13.9f}" for x in (*a, *b)) + "\n" for a, b in rows)
    return f"      direct lattice vectors                 reciprocal lattice vectors\n  {body[2:]}\n"


def _step(number: int, atoms: Atoms, run: PrintedRun) -> str:
    predicted = number in run.predicted
    letters = " (ML)" if predicted else ""
    values = atoms.calc.results
    rows = np.hstack([atoms.positions, values["forces"]])
    table = "".join(" " + ("{:13.5f}" * 3 + "   " + "{:14.6f}" * 3).format(*row) + "\n" for row in rows)
    kbar = values["stress"][list(ORDER_IN_VOIGT)] / (-0.1 * GPa)
    stress = "  in kB  " + "".join(f"{x:12.5f}" for x in kbar) + "\n"
    printed = "ML FORCE on cell" if predicted else "FORCE on cell"
    return (
        ("" if predicted else _electrons(number, values["energy"], run))
        + f"\n  {printed} =-STRESS in cart. coord.  units (eV):\n{stress}\n VOLUME and BASIS-vectors are now :\n"
        + f"{_cell(atoms)}\n POSITION{' ' * 39}TOTAL-FORCE (eV/Angst){letters}\n {RULE[:83]}\n"
        + f"{table} {RULE[:83]}\n    total drift:      0.000000      0.000000      0.000000\n\n{RULE}\n\n"
        + _energy(values["energy"], run, "ML " if predicted else "")
    )


def _electrons(number: int, energy: float, run: PrintedRun) -> str:
    unconverged = number in run.unconverged
    last, change = (60, "-0.1234567E-01") if unconverged else (7, "-0.1234567E-06")
    ending = "EDIFF was not reached (unconverged)" if unconverged else "EDIFF is reached"
    free = energy - run.smearing_eV - run.added_eV
    total = f" magnetization {sum(run.moments):15.7f}" if run.moments else " magnetization"
    iterations = "".join(
        f"--------------------------------------- Iteration {number + 1:6d}({n:4d})  {RULE[:39]}\n\n"
        f" total energy-change (2. order) :{change}  (-0.1E-06)\n number of electron      44.0000000{total}\n\n"
        f"  free energy    TOTEN  = {free:18.8f} eV\n\n  energy without entropy = {free:18.8f}\n\n"
        for n in (1, last)
    )
    rows = "".join(f"    {i}        0.010   0.010   {m:.3f}   {m:.3f}\n" for i, m in enumerate(run.moments, start=1))
    table = f"\n magnetization (x)\n\n# of ion       s       p       d       tot\n{RULE[:42]}\n{rows}" if rows else ""
    return f"{iterations}{RULE[:24]} aborting loop because {ending} {RULE[:24]}\n{table}\n{run.after_scf}"


def _energy(energy: float, run: PrintedRun, letters: str) -> str:
    free, entropy = energy - run.smearing_eV, energy + run.smearing_eV
    between = "ML" if letters else " "
    return (
        f"  {letters}FREE ENERGIE OF THE ION-ELECTRON SYSTEM (eV)\n  {RULE[:51]}\n"
        f"  free  energy {between} TOTEN  = {free:18.8f} eV\n\n"
        f"  {letters}energy  without entropy={entropy:18.8f}  {letters}energy(sigma->0) ={energy:18.8f}\n\n"
    )
