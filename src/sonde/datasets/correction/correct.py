"""Plan the correction of a dataset: pairs, fit, checks, and what becomes of every frame."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from sonde.datasets.correction import refusals as refuse
from sonde.datasets.correction.constancy import TOLERANCE_EV, constancy, is_outlier
from sonde.datasets.correction.cross_validation import residuals
from sonde.datasets.correction.environments import Environments
from sonde.datasets.correction.frames import (
    Corrector,
    Decisions,
    Uncorrectable,
    corrector_from_pairs,
    decide,
    rewritten,
)
from sonde.datasets.correction.label_differences import label_differences
from sonde.datasets.correction.pairs import Choices, PairSearch, pairs_within
from sonde.datasets.correction.places import Place
from sonde.datasets.correction.shifts import ShiftFit, fit_shifts, pair_table
from sonde.datasets.correction.surface_choice import surface_choice, symbols
from sonde.datasets.correction.survey import survey
from sonde.datasets.surfaces import SHIFTED
from sonde.errors import WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.arrays import FloatArray
from sonde.records.correction import Constancy, Correction, OutlierPair, PairedDifference, Refusal
from sonde.records.frames import Frame

MOST_OUTLIERS_LISTED = 20
NOT_THE_TARGET = "Only energies are moved: forces and stresses stay those of {source}."
TWINS = (
    "{n:,} corrected frames repeat a geometry that stands on the target already, with other forces and an energy that "
    "differs by the residual: --without-twins leaves them out."
)
TWINS_LEFT_OUT = "{n:,} corrected frames whose geometry stands on the target already are left out (--without-twins)."


@dataclass(frozen=True)
class Wish:
    """What the user asks for: surfaces as words or conditions, and how to treat what cannot be corrected.

    `tolerance_eV`: per corrected atom, by how much environments may differ before one shift no longer serves them.
    """

    to: str
    source: str | None = None
    where: str | None = None
    uncorrectable: Uncorrectable | None = None
    without_twins: bool = False
    anyway: bool = False
    tolerance_eV: float = TOLERANCE_EV

    def choices(self) -> Choices:
        """Read the surfaces. Raises WrongUse."""
        source, where = (None if text is None else surface_choice(text) for text in (self.source, self.where))
        return Choices(surface_choice(self.to), source, where)


@dataclass(frozen=True, eq=False)
class Plan:
    """The record before anything is written, and what turns a frame into its successor (None: left out)."""

    record: Correction
    successor: Callable[[Frame], Frame | None]


@dataclass(frozen=True, eq=False)
class _Evidence:
    """Pairs, and the fit where there are enough of them."""

    search: PairSearch
    fit: ShiftFit | None
    constancy: Constancy | None

    @property
    def kinds(self) -> list[Environments]:
        """Environments of the corrected atoms, in step with the pairs."""
        return [pair.kinds for pair in self.search.pairs]


def plan_correction(
    places: Iterable[Place], further: Iterable[Place], dataset: str, wish: Wish, progress: Progress = SILENT
) -> Plan:
    """Fit shifts to structures with an energy on both surfaces, and decide on every frame of `places`.

    `further` are frames of other datasets, in which the other label of a structure may stand. Both are gone through
    several times and not held: memory grows by some hundred bytes a frame, and by a few thousand a pair.

    Raises
    ------
    WrongUse : a surface or condition cannot be read, or the tolerance is not positive.
    """
    if not wish.tolerance_eV > 0:
        raise WrongUse(f"The tolerance is a positive energy in eV per corrected atom; found {wish.tolerance_eV:g}.")
    choices = wish.choices()
    progress.say("looking for structures on both surfaces")
    found = survey(places, further, choices)
    search = pairs_within(found.candidates.groups(found.n_places), chain(places, further), choices)
    before = (
        *refuse.nothing_off_target(found, choices),
        *refuse.several_sources(found),
        *refuse.too_few_pairs(found, search, wish.to),
    )
    wanted = () if before else tuple(sorted(found.sources.elements))
    evidence = _evidence(search, wanted, wish, not before)
    source = found.sources.title(choices.source.text if choices.source else "another surface")
    return _plan(places, source, dataset, wish, evidence, before)


def _evidence(search: PairSearch, wanted: Sequence[int], wish: Wish, enough: bool) -> _Evidence:
    if not enough:
        return _Evidence(search, None, None)
    found = fit_shifts(pair_table(search.pairs), wanted)
    kinds = [pair.kinds for pair in search.pairs]
    return _Evidence(search, found, constancy(found, kinds, wish.tolerance_eV))


def _plan(
    places: Iterable[Place], source: str, dataset: str, wish: Wish, evidence: _Evidence, before: tuple[Refusal, ...]
) -> Plan:
    choices, fit = wish.choices(), evidence.fit
    corrector = Corrector({}, {}, {}, {})
    if fit is not None:
        corrector = corrector_from_pairs(fit.known, fit.shifts, evidence.search.pairs)
    decisions = decide(places, choices, corrector)
    twins = _twins(evidence.search, dataset, decisions)
    record = _record(evidence, decisions, twins, wish, dataset, source)
    record = replace(record, refusals=(*before, *_after(evidence, decisions, wish)))
    tags = {"xc": record.surface, "correction_id": record.correction_id}
    successor = rewritten(decisions, wish.uncorrectable, tags)
    if not wish.without_twins:
        return Plan(record, successor)
    return Plan(record, lambda frame: None if frame.ordinal in twins else successor(frame))


def _after(evidence: _Evidence, decisions: Decisions, wish: Wish) -> Iterable[Refusal]:
    """List what speaks against writing once shifts are fitted."""
    if evidence.fit is None or evidence.constancy is None:
        return
    yield from refuse.not_determined(evidence.fit, decisions)
    yield from refuse.not_constant(evidence.constancy, wish.anyway)
    yield from refuse.undecided_frames(decisions, wish.uncorrectable)


def _twins(search: PairSearch, dataset: str, decisions: Decisions) -> frozenset[int]:
    """Return the ordinals of corrected frames whose geometry stands on the target in the same dataset."""
    own = (
        pair.source.frame.ordinal for pair in search.pairs if {pair.source.dataset, pair.target.dataset} == {dataset}
    )
    return frozenset(ordinal for ordinal in own if decisions.shift_of(ordinal) is not None)


def _record(
    evidence: _Evidence, decisions: Decisions, twins: frozenset[int], wish: Wish, dataset: str, source: str
) -> Correction:
    search, fit = evidence.search, evidence.fit
    surface = source if source.startswith(SHIFTED) else SHIFTED + source
    outliers = () if fit is None else _outliers(search, fit)
    return Correction(
        dataset=dataset,
        pairs_from=(),
        from_surface=source,
        to_surface=wish.to.strip(),
        surface=surface,
        where=wish.where,
        n_pairs=len(search.pairs),
        n_pairs_set_aside=search.set_aside,
        shifts=() if fit is None else fit.shifts,
        combinations=() if fit is None else fit.combinations,
        residuals=None if fit is None else residuals(fit, _atoms_per_corrected(search)),
        outliers=outliers[:MOST_OUTLIERS_LISTED],
        n_outliers=len(outliers),
        constancy=evidence.constancy,
        label_differences=None if fit is None else label_differences(search.pairs, evidence.kinds, fit.fit.residuals),
        frames=decisions.counts(wish.uncorrectable, len(twins)),
        refusals=(),
        notes=tuple(_notes(evidence, len(twins), wish, source)),
        correction_id=None if fit is None else _identity(dataset, wish, fit),
        paired=() if fit is None else _paired(search, fit),
    )


def _notes(evidence: _Evidence, n_twins: int, wish: Wish, source: str) -> Iterable[str]:
    if evidence.fit is None:
        return
    yield NOT_THE_TARGET.format(source=source)
    if not evidence.fit.fit.converged:
        yield "The robust fit did not settle within its steps: its last coefficients are shown."
    if n_twins:
        yield (TWINS_LEFT_OUT if wish.without_twins else TWINS).format(n=n_twins)


def _atoms_per_corrected(search: PairSearch) -> FloatArray:
    return np.array([pair.source.frame.n_atoms / pair.n_corrected for pair in search.pairs])


def _outliers(search: PairSearch, found: ShiftFit) -> tuple[OutlierPair, ...]:
    """List the pairs without weight, the farthest off first."""
    far = np.flatnonzero(is_outlier(found.fit))
    order = far[np.argsort(-np.abs(found.fit.residuals[far]), kind="stable")].tolist()
    return tuple(
        OutlierPair(
            source=str(search.pairs[k].source),
            target=str(search.pairs[k].target),
            composition=search.pairs[k].composition,
            difference_eV_per_corrected_atom=float(found.table.y[k]),
            residual_eV_per_corrected_atom=float(found.fit.residuals[k]),
        )
        for k in order
    )


def _paired(search: PairSearch, found: ShiftFit) -> tuple[PairedDifference, ...]:
    known = found.known
    rows = zip(search.pairs, found.table.y.tolist(), found.fit.residuals.tolist(), strict=True)
    return tuple(
        PairedDifference(
            environment=str(
                pair.source.frame.tags.get("config_type") or symbols(set(pair.source.frame.numbers.tolist()))
            ),
            difference_eV=y,
            shift_eV=y - residual if all(number in known for number in pair.corrected) else None,
        )
        for pair, y, residual in rows
    )


def _identity(dataset: str, wish: Wish, found: ShiftFit) -> str:
    """Name a correction by what went into it: dataset, surfaces, shifts to 1e-6 eV."""
    shifts = [f"{shift.element} {shift.shift_eV:.6f}" for shift in found.shifts if shift.shift_eV is not None]
    text = "\n".join([dataset, wish.to, wish.source or "", wish.where or "", *shifts])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
