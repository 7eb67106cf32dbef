"""What a run of a density-functional code says of its level of theory and of its own course.

Every field has three states: a value, a value that is the code's default and was not written (named in `implied`), and
None, which is unknown. The tags carry the names that `sonde.datasets.surfaces.KEYS` knows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from sonde.records.frames import Tag


class EnergyKind(StrEnum):
    """Which energy `Frame.energy_eV` holds where electrons are smeared; forces are derivatives of the free energy."""

    FREE = "free energy"
    """E − TS: VASP's TOTEN, e_fr_energy; Quantum ESPRESSO's total energy."""
    SIGMA_TO_ZERO = "sigma to 0"
    """(E + F)/2, extrapolated to no smearing: VASP's e_0_energy."""
    WITHOUT_ENTROPY = "without entropy"
    """E: VASP's e_wo_entrp."""


@dataclass(frozen=True)
class RunProvenance:
    """Level of theory of one run, as its files state it; None is unknown.

    Attributes
    ----------
    functional, functional_as_written : usual name (`functional_names`), and what the file holds where that differs.
    hubbard_u_eV, hubbard_j_eV : U and J per element; an empty mapping is "no U", None is unknown.
    hubbard_u_rounded : the file prints fewer digits of U than the run used.
    pseudopotentials : title, file name or basis per element; the hashes are of the potential itself, and the functional
        is the one it was made for, which need not be that of the run.
    dispersion : "none", or the name of the correction.
    kpoints : text with its measure: "mesh 4x4x4 Gamma", "KSPACING 0.22".
    kpoint_spacing_per_A : largest distance between neighbouring k-points, 2π included (as in KSPACING).
    smearing_width_eV : 0 where the method has no width.
    charge : of the cell, in units of e.
    fixed_moment : total magnetic moment that was imposed, μB; None also where none was.
    largest_mixed_l : up to which l one-centre densities were mixed and kept (VASP's LMAXMIX): DFT+U restarts need it.
    implied : names of the fields whose values are the code's defaults, not written anywhere.
    """

    code: str | None = None
    code_version: str | None = None
    functional: str | None = None
    functional_as_written: str | None = None
    hubbard_u_eV: Mapping[str, float] | None = None
    hubbard_j_eV: Mapping[str, float] | None = None
    hubbard_l: Mapping[str, int] | None = None
    hubbard_type: str | None = None
    hubbard_u_rounded: bool | None = None
    pseudopotentials: Mapping[str, str] | None = None
    pseudopotential_hashes: Mapping[str, str] | None = None
    pseudopotential_functional: str | None = None
    dispersion: str | None = None
    spin_polarized: bool | None = None
    spin_orbit: bool | None = None
    noncollinear: bool | None = None
    cutoff_eV: float | None = None
    density_cutoff_eV: float | None = None
    kpoints: str | None = None
    kpoint_spacing_per_A: float | None = None
    smearing: str | None = None
    smearing_width_eV: float | None = None
    aspherical: bool | None = None
    precision: str | None = None
    real_space_projection: bool | None = None
    dipole_correction: str | None = None
    charge: float | None = None
    fixed_moment: float | None = None
    largest_mixed_l: int | None = None
    energy_kind: EnergyKind | None = None
    implied: frozenset[str] = frozenset()

    def tags(self) -> dict[str, Tag]:
        """Return what is known as flat tags, under the names that the surfaces know; the unknown is left out."""
        found = {TAG_NAMES.get(field.name, field.name): _tag(getattr(self, field.name)) for field in fields(self)}
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True)
class StepFacts:
    """Course of a run at one frame; None is unknown, or says nothing for this code.

    Attributes
    ----------
    run : which run within the file or folder, from 0; `runs` is how many there are, where that is known.
    ionic_step : from 0 within the run.
    run_complete : the code's own end of the job was found.
    scf_converged : electrons of this step.
    relaxation_converged : the ions of this run reached the requested accuracy in the end.
    ml_md : predicted by a force field that was trained on the fly: no label of the code.
    total_magnetic_moment, absolute_magnetic_moment : of the cell, and the sum of the absolute ones of the ions, μB.
    energy_without_entropy_eV, free_energy_eV : the kinds that `energy_eV` is not.
    energy_added_after_scf_eV : what the code adds to the energy of its last electronic step, such as dispersion.
    energy_note : where the energies were taken from, if not from where one would look.
    started : when the job of this run began, as the output prints it: snapshots of one history sort by it.
    folder, folder_role, source_format : where the frame comes from, and which of several snapshots of one run it is.
    confirmed_by : other outputs of the same run in that folder that this frame was compared with.
    left_out : outputs near this frame that hold no frame, and why.
    defects : words for what is odd with this run, "; " between them.
    """

    run: int | None = None
    runs: int | None = None
    ionic_step: int | None = None
    run_complete: bool | None = None
    scf_converged: bool | None = None
    electronic_steps: int | None = None
    relaxation_converged: bool | None = None
    ml_md: bool | None = None
    total_magnetic_moment: float | None = None
    absolute_magnetic_moment: float | None = None
    free_energy_eV: float | None = None
    energy_without_entropy_eV: float | None = None
    energy_added_after_scf_eV: float | None = None
    energy_note: str | None = None
    folder: str | None = None
    folder_role: str | None = None
    source_format: str | None = None
    started: str | None = None
    confirmed_by: str | None = None
    left_out: str | None = None
    defects: str | None = None

    def tags(self) -> dict[str, Tag]:
        """Return what is known as flat tags."""
        return {name: value for name, value in vars(self).items() if value is not None}


TAG_NAMES: Mapping[str, str] = {
    "functional": "xc",
    "functional_as_written": "xc_as_written",
    "hubbard_u_eV": "hubbard_u",
    "hubbard_j_eV": "hubbard_j",
    "pseudopotentials": "pseudopotential",
    "smearing_width_eV": "smearing_eV",
    "implied": "implied_defaults",
}
"""Field → tag, where they differ."""
NOT_IN_A_TITLE = re.compile(r"[\s,:=;]+")
"""What separates elements in a tag, so must not stand in a title."""


def _tag(value: object) -> Tag:
    if isinstance(value, Mapping):
        return by_element(value)
    if isinstance(value, frozenset):
        return " ".join(sorted(TAG_NAMES.get(name, name) for name in value)) or None
    if isinstance(value, StrEnum):
        return str(value)
    assert value is None or isinstance(value, str | bool | int | float)
    return value


def by_element(settings: Mapping[str, float] | Mapping[str, str]) -> str:
    """Write settings per element as one text: "Co:3.32, Ni:6.2"; "none" where there is no element."""
    return ", ".join(f"{element}:{_setting(settings[element])}" for element in sorted(settings)) or "none"


def _setting(value: float | str) -> str:
    return NOT_IN_A_TITLE.sub("_", value.strip()) if isinstance(value, str) else f"{value:g}"
