"""vaspout.h5 of VASP 6.2 and later, step by step in constant memory (vasp.at/wiki/Vaspout.h5, and py4vasp's schema).

The file holds its own INCAR and KPOINTS, so nothing beside it is asked. It does not list the defaults of what INCAR
leaves open: those are VASP's own (vasp.at/wiki), and the provenance names them as implied. It embeds the potentials,
of which titles and hashes are read, no more. Energies go by their labels; runs of molecular dynamics keep the free
energy alone. Stress: kbar, positive under compression.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sonde.datasets.readers import hdf5_values
from sonde.datasets.readers.hdf5_values import MAGIC, opened_hdf5
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.run_provenance import RunProvenance, StepFacts
from sonde.datasets.readers.vasp_header import RunHeader, Species, counts_are_possible, element_of
from sonde.datasets.readers.vasp_inputs import (
    InputsBeside,
    KpointMesh,
    PotcarEntry,
    potcar_entries,
    read_incar,
    read_kpoints,
)
from sonde.datasets.readers.vasp_provenance import provenance_of
from sonde.datasets.readers.vasp_steps import Energies, IonicStep, Run, frames_of
from sonde.records.arrays import FloatArray
from sonde.records.frames import Frame

STEPS = "intermediate/ion_dynamics"
CONVERGED = 0
BYTES_AT_ONCE = 1 << 20
UNKNOWN_POTENTIAL = PotcarEntry("", None, "")
DEFAULTS: Mapping[str, tuple[str, str]] = {
    "LDAU": ("F", "hubbard_u_eV"),
    "ISPIN": ("1", "spin_polarized"),
    "LSORBIT": ("F", "spin_orbit"),
    "LNONCOLLINEAR": ("F", "noncollinear"),
    "ISMEAR": ("1", "smearing"),
    "SIGMA": ("0.2", "smearing_width_eV"),
    "LASPH": ("F", "aspherical"),
    "PREC": ("Normal", "precision"),
    "LREAL": ("F", "real_space_projection"),
    "LMAXMIX": ("2", "largest_mixed_l"),
}
"""Setting → default (vasp.at/wiki), and the field of the provenance that it decides."""


class VaspoutReader:
    """vaspout.h5: energies, forces, stress and the level of theory of each ionic step."""

    name = "vasp_h5"

    def claims(self, path: Path, head: bytes) -> bool:
        """Tell by HDF5's magic number, and "vaspout" in the name."""
        return head.startswith(MAGIC) and "vaspout" in path.name

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per ionic step."""
        with opened_hdf5(path) as file:
            header, beside = _header(file, path)
            provenance, odd = _provenance(header, beside)
            facts = StepFacts(run=0, runs=1, source_format="vaspout.h5")
            found = _Steps.of(file, header, path)
            run = Run(path, header.numbers(), provenance, facts, (*odd, *found.defects))
            yield from frames_of(run, found.steps())


READER = VaspoutReader()


def vaspout_provenance(path: Path) -> tuple[RunProvenance, tuple[str, ...]]:
    """Return the level of theory of a run from its settings alone, and what is odd with it."""
    with opened_hdf5(path) as file:
        return _provenance(*_header(file, path))


def _provenance(header: RunHeader, beside: InputsBeside) -> tuple[RunProvenance, tuple[str, ...]]:
    found, odd = provenance_of(header, beside)
    implied = {field for key, (_, field) in DEFAULTS.items() if key not in (header.written or {})}
    known = {field for field in implied if getattr(found, field) is not None}
    return replace(found, implied=found.implied | known), odd


# ---- settings --------------------------------------------------------------------------------------------------------


def _header(file: Any, path: Path) -> tuple[RunHeader, InputsBeside]:
    species = _species(file)
    if species is None:
        raise Place(path).bad("it does not say which ions it has", "is this a vaspout.h5 of a run that began?")
    incar = read_incar(hdf5_values.text(file, "original/incar/content") or "")
    kpoints = read_kpoints(hdf5_values.text(file, "original/kpoints/content") or "") or _points(file)
    header = RunHeader(
        species=species,
        version=_version(file),
        written=incar,
        written_is_whole=True,
        in_force={**{key: default for key, (default, _) in DEFAULTS.items()}, **incar, **_electrons(file)},
        kpoints=kpoints,
        cell=_first_cell(file),
        poscar_title=hdf5_values.text(file, "input/poscar/system"),
    )
    return header, InputsBeside(potcar=_potentials(file))


def _species(file: Any) -> tuple[Species, ...] | None:
    for group in ("results/positions", "input/poscar"):
        names = hdf5_values.texts(file, f"{group}/ion_types")
        counts = hdf5_values.values(file, f"{group}/number_ion_types")
        elements = [element_of(None, name) for name in names]
        if counts is not None and counts.shape == (len(names),) and counts_are_possible([int(n) for n in counts]):
            potentials = _potentials(file)
            of_kind = potentials if len(potentials) == len(names) else (UNKNOWN_POTENTIAL,) * len(names)
            return tuple(
                Species(element, int(count), potential.title or None, potential.lexch)
                for element, count, potential in zip(elements, counts, of_kind, strict=True)
                if element is not None
            )
    return None


def _potentials(file: Any) -> tuple[PotcarEntry, ...]:
    """Read titles and hashes of the potentials; nothing else of them is kept."""
    for name in ("original/potcar/content", "input/potcar/content"):
        content = hdf5_values.text(file, name)
        if content:
            return tuple(potcar_entries(line.encode("latin-1") for line in content.splitlines(keepends=True)))
    return ()


def _version(file: Any) -> str | None:
    parts = [hdf5_values.number(file, f"version/{part}") for part in ("major", "minor", "patch")]
    return ".".join(str(int(part)) for part in parts if part is not None) or None


def _electrons(file: Any) -> dict[str, str]:
    """Return what the results say of the electrons: number, and whether they are polarised."""
    names = {"ISPIN": "results/electron_eigenvalues/ispin", "NELECT": "results/electron_eigenvalues/nelectrons"}
    found = {key: hdf5_values.number(file, name) for key, name in names.items()}
    return {key: f"{value:g}" for key, value in found.items() if value is not None}


def _points(file: Any) -> KpointMesh | None:
    points = hdf5_values.values(file, "results/electron_eigenvalues/kpoint_coords")
    return None if points is None or points.ndim != 2 else KpointMesh(n_irreducible=len(points))


def _scale(file: Any) -> float:
    return hdf5_values.number(file, "results/positions/scale") or 1.0


def _first_cell(file: Any) -> FloatArray | None:
    vectors = hdf5_values.dataset(file, f"{STEPS}/lattice_vectors")
    if vectors is None or vectors.shape[1:] != (3, 3) or not len(vectors):
        return None
    return np.asarray(vectors[0], float) * _scale(file)


# ---- ionic steps -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Steps:
    """The arrays of the ionic steps, none read yet; those of a wrong shape are None."""

    arrays: Mapping[str, Any]
    labels: tuple[str, ...]
    scale: float
    n_steps: int
    defects: tuple[str, ...]

    @classmethod
    def of(cls, file: Any, header: RunHeader, path: Path) -> "_Steps":
        """Find the arrays; steps that were not written to all of them are left out, with a word."""
        n, labels = header.n_atoms, hdf5_values.texts(file, f"{STEPS}/energies_tags")
        shapes = {
            "lattice_vectors": (3, 3),
            "position_ions": (n, 3),
            "energies": (len(labels),),
            "forces": (n, 3),
            "stress": (3, 3),
            "electronic_step_converged": None,
        }
        arrays = {name: _array(file, name, shape) for name, shape in shapes.items()}
        arrays["moments"] = _moments(file, n)
        if arrays["lattice_vectors"] is None or arrays["position_ions"] is None:
            raise Place(path).bad("it holds no ionic step", "the run ended before its first.")
        lengths = {len(array) for array in arrays.values() if array is not None}
        cut = (f"the file was closed while step {max(lengths)} was written",) if len(lengths) > 1 else ()
        return cls(arrays, labels, _scale(file), min(lengths), cut)

    def steps(self) -> Iterator[IonicStep]:
        """Yield the steps one by one; they are read many at once, which takes a tenth of the time."""
        arrays = {name: array for name, array in self.arrays.items() if array is not None}
        step_bytes = max(1, sum(array[:1].nbytes for array in arrays.values()))
        n_at_once = max(1, BYTES_AT_ONCE // step_bytes)
        for first in range(0, self.n_steps, n_at_once):
            last = min(first + n_at_once, self.n_steps)
            rows = {name: np.asarray(array[first:last], float) for name, array in arrays.items()}
            for i in range(last - first):
                yield self._step({name: several[i].copy() for name, several in rows.items()})

    def _step(self, row: Mapping[str, FloatArray]) -> IonicStep:
        cell, verdict = row["lattice_vectors"] * self.scale, row.get("electronic_step_converged")
        return IonicStep(
            cell=cell,
            positions=row["position_ions"] @ cell,
            energies=_energies(self.labels, row.get("energies")),
            forces=row.get("forces"),
            stress_kbar=row.get("stress"),
            scf_converged=None if verdict is None else bool(verdict.item() == CONVERGED),
            moments=(None, _absolute_moment(row.get("moments"))),
        )


def _array(file: Any, name: str, shape: tuple[int, ...] | None) -> Any | None:
    found = hdf5_values.dataset(file, f"{STEPS}/{name}")
    if found is None or found.dtype.kind not in "iuf" or found.ndim < 1:
        return None
    fits = found.shape[1:] == shape if shape is not None else found.shape[1:] in ((), (1,))
    return found if fits else None


def _moments(file: Any, n_atoms: int) -> Any | None:
    """Return charges and moments in the spheres of the ions, (steps, 2 or 4, ions, orbitals), of files of any age."""
    for name in (f"{STEPS}/magnetism/spin_moments/values", f"{STEPS}/magnetism/moments"):
        found = hdf5_values.dataset(file, name)
        if found is not None and found.ndim == 4 and found.shape[1] in (2, 4) and found.shape[2] == n_atoms:
            return found
    return None


def _absolute_moment(moments: FloatArray | None) -> float | None:
    """Sum the lengths of the ions' moments, μB; the first component is the charge."""
    if moments is None:
        return None
    return round(float(np.linalg.norm(moments[1:].sum(axis=-1), axis=0).sum()), 3)


def _energies(labels: tuple[str, ...], row: FloatArray | None) -> Energies:
    """Sort energies by their labels; those of molecular dynamics list "ion-electron TOTEN", the free energy."""
    if row is None or not np.isfinite(row).all():
        return Energies()
    found: dict[str, float] = {}
    for label, value in zip(labels, row.tolist(), strict=True):
        kind = _kind(label)
        if kind is not None:
            found.setdefault(kind, value)
    return Energies(found.get("free"), found.get("sigma"), found.get("entropy"))


def _kind(label: str) -> str | None:
    words = label.lower().replace(" ", "")
    if "toten" in words:
        return "free"
    if "sigma->0" in words:
        return "sigma"
    return "entropy" if "withoutentropy" in words else None
