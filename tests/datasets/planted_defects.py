"""Defects planted on real frames, each with the alarm that has to name it: used by the tests and to measure recall.

A defect is planted only where it is one: a force-free frame has no sign to turn, a one-atom cell no other total energy.
The whole table: python speed/planted_defects.py
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sonde.datasets.audit import audit
from sonde.datasets.readers import read_frames
from sonde.records.arrays import FloatArray
from sonde.records.datasets import Audit
from sonde.records.frames import Frame, Tag

Spoil = Callable[[Frame, np.random.Generator], Frame]
HARTREE, RYDBERG, KCAL, BOHR = 27.211386, 13.605693, 0.0433641, 0.5291772
GPA, KBAR = 160.21766, 1602.1766
"""eV/Å³ in these units."""
SHARES, SEEDS = (0.05, 0.2), (0, 1, 2)
FEW = (1, 2)
"""Spoilt frames of a set, beside the shares."""
NEVER_FEW = ("shifted references", "unconverged", "cut runs", "force-field steps", "odd runs")
"""One shifted energy is an outlier; and what tags say of a frame is read, not told."""
HELD_OUT = ("cr_sb2te3", "li_fe_o")
"""Bases that no threshold may be chosen on."""
LEAST_FORCE, LEAST_STRESS = 0.3, 0.01
"""eV/Å and eV/Å³: frames below have no force or stress to speak of."""


@dataclass(frozen=True)
class Defect:
    """What is done to a frame, where that is a defect, and the alarm that has to name it: its kinds and words."""

    spoil: Spoil
    kinds: tuple[str, ...]
    possible: Callable[[Frame], bool]
    words: str = ""


def _energy(change: Callable[[float, Frame], float]) -> Spoil:
    return lambda frame, _rng: replace(frame, energy_eV=change(frame.energy_eV or 0.0, frame))


def _forces(change: Callable[[FloatArray], FloatArray]) -> Spoil:
    return lambda frame, _rng: replace(frame, forces_eV_per_A=change(_of(frame.forces_eV_per_A)))


def _stress(change: Callable[[FloatArray], FloatArray]) -> Spoil:
    return lambda frame, _rng: replace(frame, stress_eV_per_A3=change(_of(frame.stress_eV_per_A3)))


def _virials(frame: Frame, _rng: np.random.Generator) -> Frame:
    volume = abs(float(np.linalg.det(frame.cell)))
    return replace(frame, stress_eV_per_A3=-volume * _of(frame.stress_eV_per_A3))


def _tagged(**tags: Tag) -> Spoil:
    return lambda frame, _rng: replace(frame, tags={**frame.tags, **tags})


def _of(label: FloatArray | None) -> FloatArray:
    assert label is not None
    return label


def _misordered(stress: FloatArray) -> FloatArray:
    """VASP's xx yy zz xy yz zx taken for xx yy zz yz xz xy."""
    out = stress.copy()
    for to, taken in (((1, 2), (0, 1)), ((0, 2), (1, 2)), ((0, 1), (0, 2))):
        out[to] = out[to[::-1]] = stress[taken]
    return out


def _kick(frame: Frame, rng: np.random.Generator) -> Frame:
    direction = rng.normal(size=3)
    return replace(frame, forces_eV_per_A=_of(frame.forces_eV_per_A) + 0.03 * direction / np.linalg.norm(direction))


def _outlier(frame: Frame, rng: np.random.Generator) -> Frame:
    off = rng.choice([-1, 1]) * rng.uniform(1.0, 5.0)
    return replace(frame, energy_eV=(frame.energy_eV or 0.0) + float(off) * frame.n_atoms)


def _shifted(frame: Frame, rng: np.random.Generator) -> Frame:
    """Energies against other references: 0.4 eV per atom and up, another number for each element."""
    shifts = {number: 0.4 + 0.7 * ((number * 37) % 10) / 10 for number in set(frame.numbers.tolist())}
    return replace(frame, energy_eV=(frame.energy_eV or 0.0) + sum(shifts[n] for n in frame.numbers.tolist()))


def _has_energy(frame: Frame) -> bool:
    return frame.energy_eV is not None


def _several(frame: Frame) -> bool:
    return frame.energy_eV is not None and frame.n_atoms >= 2


def _forced(frame: Frame) -> bool:
    return frame.forces_eV_per_A is not None and float(np.sqrt(np.mean(frame.forces_eV_per_A**2))) > LEAST_FORCE


def _stressed(frame: Frame) -> bool:
    return frame.stress_eV_per_A3 is not None and float(np.abs(frame.stress_eV_per_A3).max()) > LEAST_STRESS


def _sheared(frame: Frame) -> bool:
    """Off-diagonal numbers that another order moves by much."""
    return (
        _stressed(frame)
        and float(np.abs(_misordered(_of(frame.stress_eV_per_A3)) - _of(frame.stress_eV_per_A3)).max()) > LEAST_STRESS
    )


def _any(frame: Frame) -> bool:
    return True


MIXED, SETTINGS = ("mixed_surfaces",), ("mixed_settings",)
DEFECTS: dict[str, Defect] = {
    "energy per atom": Defect(_energy(lambda e, f: e / f.n_atoms), ("energy_per_atom",), _several),
    "energy in Ha": Defect(_energy(lambda e, _frame: e / HARTREE), ("energy_unit",), _has_energy, "in Hartree"),
    "energy in Ry": Defect(_energy(lambda e, _frame: e / RYDBERG), ("energy_unit",), _has_energy, "in Rydberg"),
    "energy in kcal/mol": Defect(_energy(lambda e, _frame: e / KCAL), ("energy_unit",), _has_energy, "in kcal/mol"),
    "forces in Ha/Bohr": Defect(_forces(lambda F: F * BOHR / HARTREE), ("force_unit",), _forced, "in Hartree/Bohr"),
    "forces in Ry/Bohr": Defect(_forces(lambda F: F * BOHR / RYDBERG), ("force_unit",), _forced, "in Rydberg/Bohr"),
    "forces in eV/Bohr": Defect(_forces(lambda F: F * BOHR), ("force_unit",), _forced, "in eV/Bohr"),
    "forces in kcal/mol/Å": Defect(_forces(lambda F: F / KCAL), ("force_unit",), _forced, "in kcal/mol/Å"),
    "gradients for forces": Defect(_forces(lambda F: -F), ("force_sign",), _forced),
    "stress in GPa": Defect(_stress(lambda S: S * GPA), ("stress_unit",), _stressed, "in GPa"),
    "stress in kbar": Defect(_stress(lambda S: S * KBAR), ("stress_unit",), _stressed, "in kbar"),
    "stress in -kbar": Defect(
        _stress(lambda S: -S * KBAR), ("stress_unit",), _stressed, "in kbar, positive under compression"
    ),
    "stress in Ry/Bohr³": Defect(
        _stress(lambda S: S * BOHR**3 / RYDBERG), ("stress_unit",), _stressed, "in Rydberg/Bohr³"
    ),
    "virials for stress": Defect(_virials, ("stress_unit",), _stressed, "virials in eV, minus"),
    "stress sign": Defect(_stress(lambda S: -S), ("stress_sign",), _stressed),
    "stress order": Defect(_stress(_misordered), ("stress_order",), _sheared),
    "zero energy": Defect(_energy(lambda _e, _frame: 0.0), ("zero_filled_energy",), _has_energy),
    "zero forces": Defect(_forces(lambda F: 0.0 * F), ("zero_filled_forces",), _forced),
    "zero stress": Defect(_stress(lambda S: 0.0 * S), ("zero_filled_stress",), _stressed),
    "net force": Defect(_kick, ("net_force",), _forced),
    "energy outliers": Defect(_outlier, ("energy_outliers",), _has_energy),
    "shifted references": Defect(_shifted, ("reference_shift",), _has_energy),
    "unconverged": Defect(_tagged(scf_converged=False), ("unconverged",), _any),
    "cut runs": Defect(_tagged(run_complete=False), ("incomplete_runs",), _any),
    "force-field steps": Defect(_tagged(ml_md=True), ("ml_predicted",), _any),
    "odd runs": Defect(_tagged(defects="two runs in one folder"), ("run_defects",), _any),
    "functional": Defect(_tagged(xc="LDA"), (*MIXED, "surface_partly_stated"), _any),
    "U": Defect(lambda f, rng: _tagged(hubbard_u=f"{_first(f)}:3.5")(f, rng), (*MIXED, "surface_partly_stated"), _any),
    "pseudopotential": Defect(
        lambda f, rng: _tagged(**_other_potential(f))(f, rng),
        (*MIXED, "surface_partly_stated"),
        _any,
    ),
    "dispersion": Defect(_tagged(dispersion="D3"), (*MIXED, "surface_partly_stated"), _any),
    "spin-orbit": Defect(_tagged(spin_orbit=True), (*MIXED, "surface_partly_stated"), _any),
    "cutoff": Defect(_tagged(ecut_eV=700.0), (*SETTINGS, "surface_partly_stated"), _any),
    "k-density": Defect(_tagged(kpoint_density=7.0, k_prod=None), (*SETTINGS, "surface_partly_stated"), _any),
    "smearing": Defect(_tagged(smearing="tetrahedra"), (*SETTINGS, "surface_partly_stated"), _any),
    "magnetism": Defect(_tagged(spin_polarized="half"), (*SETTINGS, "surface_partly_stated"), _any),
}


def _other_potential(frame: Frame) -> dict[str, Tag]:
    """State another potential in the way in which the frame states its own: for all elements, or per element."""
    if "pseudopotential" in frame.tags:
        return {"pseudopotential": "another set"}
    return {"pp": f"{_first(frame)}:{_first(frame)}_other"}


def _first(frame: Frame) -> str:
    from ase.data import chemical_symbols

    return str(chemical_symbols[int(frame.numbers[0])])


@dataclass(frozen=True)
class Planted:
    """Frames with a defect in some places, and the kinds of alarm of which one has to name it, with these words."""

    frames: list[Frame]
    places: list[int]
    kinds: tuple[str, ...]
    words: str = ""
    against: list[Frame] | None = None


def many(frames: Sequence[Frame], share: float) -> int:
    """Return how many frames a share of them is, at least five."""
    return max(5, round(share * len(frames)))


def plant(name: str, frames: Sequence[Frame], n: int, seed: int) -> Planted | None:
    """Spoil n of the frames where the defect can be planted; None where too few allow it.

    At most 30 % of the frames that carry such a label are spoilt: beyond, nothing says which of the two is the defect.
    """
    defect, rng = DEFECTS[name], np.random.default_rng([seed, list(DEFECTS).index(name)])
    possible = [place for place, frame in enumerate(frames) if defect.possible(frame)]
    if n > 0.3 * len(possible):
        return None
    places = set(rng.choice(possible, n, replace=False).tolist())
    spoilt = [defect.spoil(frame, rng) if place in places else frame for place, frame in enumerate(frames)]
    return Planted(spoilt, sorted(places), defect.kinds, defect.words)


# ---- copies ----------------------------------------------------------------------------------------------------------


def _split(frames: Sequence[Frame], rng: np.random.Generator) -> list[Frame]:
    words = rng.choice(["train", "valid", "test"], len(frames), p=[0.8, 0.1, 0.1])
    return [replace(f, tags={**f.tags, "split": str(word)}) for f, word in zip(frames, words, strict=True)]


def moved(frame: Frame, distance_A: float, rng: np.random.Generator) -> Frame:
    """Every atom moved a little, with the labels that forces and a stiff spring ask for."""
    step = rng.normal(size=frame.positions.shape)
    step *= distance_A / max(float(np.sqrt((step**2).sum(axis=1).mean())), 1e-12)
    if frame.energy_eV is None or frame.forces_eV_per_A is None:
        return replace(frame, positions=frame.positions + step)
    forces = frame.forces_eV_per_A - 8.0 * (step - step.mean(axis=0))
    energy = frame.energy_eV - float(((frame.forces_eV_per_A + forces) / 2 * step).sum())
    return replace(frame, positions=frame.positions + step, energy_eV=energy, forces_eV_per_A=forces)


def copies(name: str, frames: Sequence[Frame], n: int, seed: int) -> Planted:
    """Plant copies: exact, permuted, near ones, across splits, against another set, or with other labels."""
    rng = np.random.default_rng([seed, 99])
    own = list(frames)
    several = [i for i, f in enumerate(frames) if f.n_atoms > 1 and f.forces_eV_per_A is not None]
    chosen = [own[i] for i in rng.choice(several, n, replace=False)]
    end = list(range(len(own), len(own) + n))
    if name == "duplicates":
        return Planted([*own, *(_permuted(f, rng) for f in chosen)], end, ("duplicates",))
    if name == "near-duplicates":
        return Planted([*own, *(moved(f, 0.02, rng) for f in chosen)], end, ("near_duplicates",))
    if name == "contradictions":
        other = [replace(f, energy_eV=(f.energy_eV or 0.0) + 0.02 * f.n_atoms) for f in chosen]
        return Planted([*own, *other], end, ("contradictory_labels",))
    train = [replace(f, tags={**f.tags, "split": "train"}) for f in own]
    into = [_permuted(f, rng) if name.startswith("leak") else moved(f, 0.02, rng) for f in chosen]
    kinds = ("leakage",) if name.startswith("leak") else ("near_leakage",)
    if name.endswith("splits"):
        return Planted([*train, *(replace(f, tags={**f.tags, "split": "test"}) for f in into)], end, kinds)
    return Planted(into, list(range(n)), kinds, against=own)


COPIES = (
    "duplicates",
    "near-duplicates",
    "contradictions",
    "leak across splits",
    "near leak across splits",
    "leak into another set",
    "near leak into another set",
)


def _permuted(frame: Frame, rng: np.random.Generator) -> Frame:
    order = rng.permutation(frame.n_atoms)
    forces = None if frame.forces_eV_per_A is None else frame.forces_eV_per_A[order]
    shift = rng.integers(-1, 2, (frame.n_atoms, 3)) @ frame.cell * np.all(frame.pbc)
    return replace(
        frame, numbers=frame.numbers[order], positions=frame.positions[order] + shift, forces_eV_per_A=forces
    )


# ---- the measurement -------------------------------------------------------------------------------------------------


def found(planted: Planted, sound: Audit | None = None) -> tuple[bool, float]:
    """Tell whether an alarm of the right kind and words names spoilt frames, and the share of them that it counts.

    What the audit of the sound frames counts under that kind is taken off. An alarm on a field that is stated in part
    lists the other frames, those that leave it open.
    """
    report = audit(planted.frames, "planted", against=planted.against)
    right = [alarm for alarm in report.alarms if alarm.kind in planted.kinds and planted.words in alarm.message]
    before = [] if sound is None else [alarm for alarm in sound.alarms if alarm.kind in planted.kinds]
    before = [alarm for alarm in before if planted.words in alarm.message]
    counted = sum(alarm.n for alarm in right) - sum(alarm.n for alarm in before)
    listed = {place for alarm in right for place in alarm.ordinals}
    in_place = "surface_partly_stated" in planted.kinds or bool(listed & set(planted.places))
    return counted > 0 and in_place, max(0.0, min(1.0, counted / len(planted.places)))


def nickel_oxides(shared_data: Path) -> list[Frame]:
    """39 frames of three compositions, on one surface."""
    return [f for f in read_frames(shared_data / "ni_o/ni_o.xyz") if f.tags["hubbard_u"] == "none" and f.energy_eV]


def bases(shared_data: Path) -> dict[str, list[Frame]]:
    """Sound frames: alloys with rattled cells, refractory metals, an oxide; held out: a layered telluride, oxides."""
    nbmotaw = [f for file in sorted((shared_data / "nbmotaw").glob("*.json.gz")) for f in read_frames(file)]
    cr = list(read_frames(shared_data / "cr_sb2te3/data_600K/valid.xyz.gz"))
    return {
        "al_li_mg": list(read_frames(shared_data / "al_li_mg/al_li_mg.xyz")),
        "nbmotaw": nbmotaw[::20],
        "ni_o": nickel_oxides(shared_data),
        "cr_sb2te3": cr[::4],
        "li_fe_o": list(read_frames(shared_data / "li_fe_o/Li-Fe-O.json.gz")),
    }


def few_trials(
    frames: dict[str, list[Frame]], seeds: Sequence[int] = SEEDS, only: Sequence[str] = ()
) -> Iterator[tuple[str, str, Planted | int]]:
    """Plant every defect of labels, or those whose names hold a word, in one frame and in two of every base."""
    labels = list(DEFECTS)[: list(DEFECTS).index("functional")]
    for name in [one for one in labels if one not in NEVER_FEW and (not only or any(word in one for word in only))]:
        for base, own in frames.items():
            for n in FEW:
                for seed in seeds:
                    planted = plant(name, own, n, seed) or sum(DEFECTS[name].possible(f) for f in own)
                    yield f"{name}, {n}", base, planted


def trials(
    frames: dict[str, list[Frame]], seeds: Sequence[int] = SEEDS, only: Sequence[str] = ()
) -> Iterator[tuple[str, str, Planted | int]]:
    """Plant every defect, or those whose names hold a word, on every base, in every share and with every seed.

    Where too few frames can carry a defect, their number is yielded instead.
    """
    for name in DEFECTS if not only else [one for one in DEFECTS if any(word in one for word in only)]:
        for base, own in frames.items():
            for n in [many(own, share) for share in SHARES]:
                for seed in seeds:
                    yield name, base, plant(name, own, n, seed) or sum(DEFECTS[name].possible(f) for f in own)
    for name in COPIES if not only else [one for one in COPIES if any(word in one for word in only)]:
        for base, own in frames.items():
            for seed in seeds if any(frame.forces_eV_per_A is not None for frame in own) else ():
                yield name, base, copies(name, own, min(8, len(own) // 4), seed)


def alarms_on_sound_frames(frames: dict[str, list[Frame]]) -> dict[str, Audit]:
    """Audit the bases as they are."""
    return {base: audit(own, base) for base, own in frames.items()}
