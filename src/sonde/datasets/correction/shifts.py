"""Shift per corrected atom of every element, from pairs: E(source) − E(target) = Σ n_M d_M.

Warford, Thiemann, Csányi, arXiv:2601.21056. Rows are divided by the number of corrected atoms, so that a large cell
weighs as much as a small one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from scipy.sparse.csgraph import connected_components

from sonde.datasets.correction.intervals import analytic_errors, jackknife_errors
from sonde.datasets.correction.pairs import SurfacePair
from sonde.datasets.correction.robust_fit import (
    RANK_TOLERANCE,
    RobustFit,
    determined,
    determined_by,
    null_projector,
    rank,
    robust_fit,
)
from sonde.local_environments.grouping import group_numbers
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.correction import Combination, ElementShift, Interval, IntervalKind

FEWEST_TO_LEAVE_OUT = 4
"""Compositions with an element below which leaving them out says too little; the analytic interval is used then."""


@dataclass(frozen=True, eq=False)
class PairTable:
    """Pairs as a regression, per corrected atom.

    Attributes
    ----------
    elements : atomic numbers, one per column.
    X : (n_pairs, n_elements) share of each element in the corrected atoms.
    y : (n_pairs,) difference, eV per corrected atom.
    groups : (n_pairs,) number of the composition.
    names : composition of each group.
    """

    elements: tuple[int, ...]
    X: FloatArray
    y: FloatArray
    groups: IntArray
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ShiftFit:
    """The fit, and what of it can be named."""

    table: PairTable
    fit: RobustFit
    shifts: tuple[ElementShift, ...]
    combinations: tuple[Combination, ...]

    @property
    def known(self) -> dict[int, float]:
        """Shift per atomic number, eV, for the elements that have one."""
        numbers = (chemical_symbols.index(shift.element) for shift in self.shifts)
        return {n: s.shift_eV for n, s in zip(numbers, self.shifts, strict=True) if s.shift_eV is not None}


def pair_table(pairs: Sequence[SurfacePair]) -> PairTable:
    """Set up the regression over all elements that some pair has corrected."""
    elements = tuple(sorted({number for pair in pairs for number in pair.corrected}))
    counts = np.array([[pair.corrected.get(number, 0) for number in elements] for pair in pairs], float)
    n_corrected = counts.sum(axis=1)
    compositions = [pair.composition for pair in pairs]
    groups = group_numbers(compositions)
    names = dict(zip(groups.tolist(), compositions, strict=True))
    return PairTable(
        elements=elements,
        X=counts.reshape(len(pairs), len(elements)) / n_corrected[:, None],
        y=np.array([pair.difference_eV for pair in pairs]) / n_corrected,
        groups=groups,
        names=tuple(names[group] for group in range(len(names))),
    )


def fit_shifts(table: PairTable, wanted: Sequence[int] = ()) -> ShiftFit:
    """Fit the shifts; elements of `wanted` that no pair holds are listed as not identifiable."""
    fit = robust_fit(table.X, table.y)
    unidentified = ~determined(table.X)
    half_widths = (jackknife_errors(table.X, table.groups, fit), analytic_errors(table.X, fit))
    shifts = [_shift(table, fit, column, unidentified, half_widths) for column in range(len(table.elements))]
    shifts += [_absent(number) for number in sorted(set(wanted) - set(table.elements))]
    combinations = _combinations(table, fit, unidentified)
    return ShiftFit(table, fit, tuple(sorted(shifts, key=lambda shift: shift.element)), combinations)


def _shift(
    table: PairTable, fit: RobustFit, column: int, unidentified: BoolArray, half_widths: tuple[FloatArray, FloatArray]
) -> ElementShift:
    with_element = table.X[:, column] > 0
    groups = np.unique(table.groups[with_element])
    why_not = _why_not(table, fit, column, unidentified)
    rests_on = _rests_on(table, column) if why_not is None else None
    value = None if why_not else float(fit.coefficients[column])
    jackknife, analytic = (_interval(value, float(half[column])) for half in half_widths)
    resampled = len(groups) >= FEWEST_TO_LEAVE_OUT and rests_on is None and jackknife is not None
    kind: IntervalKind = "leaving out compositions" if resampled else "analytic"
    chosen = jackknife if resampled else analytic
    return ElementShift(
        element=chemical_symbols[table.elements[column]],
        shift_eV=value,
        interval=chosen,
        interval_from=kind if chosen else None,
        jackknife=jackknife,
        analytic=analytic,
        n_pairs=int(with_element.sum()),
        n_compositions=len(groups),
        identifiable=why_not is None,
        why_not=why_not,
        rests_on=rests_on,
    )


def _absent(number: int) -> ElementShift:
    why = "no pair holds it"
    return ElementShift(chemical_symbols[number], None, None, None, None, None, 0, 0, False, why)


def _interval(value: float | None, half_width: float) -> Interval | None:
    if value is None or not np.isfinite(half_width):
        return None
    return Interval(value - half_width, value + half_width)


def _why_not(table: PairTable, fit: RobustFit, column: int, unidentified: BoolArray) -> str | None:
    if unidentified[column]:
        group = next(group for group in _tied_together(table) if column in group)
        return f"the pairs cannot tell {_dependence(table, group)} apart"
    if not fit.determined[column]:
        return "all pairs that would determine it are outliers"
    return None


# ---- elements that only occur together -------------------------------------------------------------------------------


def _tied_together(table: PairTable) -> list[list[int]]:
    """Group the columns that one dependence links."""
    hidden = np.abs(null_projector(table.X)) > RANK_TOLERANCE
    n_groups, member = connected_components(hidden, directed=False)
    groups = [np.flatnonzero(member == group).tolist() for group in range(n_groups)]
    return [group for group in groups if hidden[group[0], group[0]]]


def _dependence(table: PairTable, group: Sequence[int]) -> str:
    names = [chemical_symbols[table.elements[column]] for column in group]
    together = " and ".join([", ".join(names[:-1]), names[-1]])
    ratio = _constant_ratio(table, group)
    if ratio is None:
        return f"{together} (their numbers are linearly dependent)"
    return f"{together} (always {' : '.join(f'{share:g}' for share in ratio)})"


def _constant_ratio(table: PairTable, group: Sequence[int]) -> list[float] | None:
    """Return in which smallest whole numbers elements occur wherever one of them does; None where that varies."""
    rows = table.X[:, group]
    rows = rows[rows.sum(axis=1) > 0]
    if rank(rows) != 1:
        return None
    return _whole_numbers(rows[0] / rows[0].min()) if rows[0].min() > 0 else None


def _whole_numbers(ratio: FloatArray) -> list[float]:
    for factor in range(1, 13):
        scaled = ratio * factor
        if np.abs(scaled - np.rint(scaled)).max() < 1e-6 * factor:
            return np.rint(scaled).tolist()
    return [round(float(share), 3) for share in ratio]


def _combinations(table: PairTable, fit: RobustFit, unidentified: BoolArray) -> tuple[Combination, ...]:
    """Name what elements of a constant ratio amount to together: this sum is the same in every solution."""
    found = []
    for group in _tied_together(table) if unidentified.any() else []:
        ratio = _constant_ratio(table, group)
        if ratio is not None:
            atoms = " + ".join(
                f"{n:g} {chemical_symbols[table.elements[column]]}" for n, column in zip(ratio, group, strict=True)
            )
            found.append(Combination(atoms, float(np.dot(ratio, fit.coefficients[group]))))
    return tuple(found)


def _rests_on(table: PairTable, column: int) -> str | None:
    """Return the composition without which an element would not be determined; None where there is no such one."""
    whole = table.X.T @ table.X
    for group in np.unique(table.groups[table.X[:, column] > 0]):
        own = table.X[table.groups == group]
        if not determined_by(whole - own.T @ own)[column]:
            return table.names[group]
    return None
