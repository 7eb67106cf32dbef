"""Is one number per element good enough, or does the shift depend on the environment?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from ase.data import chemical_symbols
from scipy.stats import norm, t

from sonde.datasets.correction.environments import (
    ANION_NEIGHBOURS,
    CONFIG_TYPE,
    COORDINATION,
    DESCRIPTIONS,
    OXIDATION_STATE,
    Environments,
    class_counts,
)
from sonde.datasets.correction.intervals import (
    LEVEL,
    analytic_covariance,
    group_covariance,
    group_pulls,
    jackknife_steps,
)
from sonde.datasets.correction.robust_fit import MAD_TO_SIGMA, RobustFit, rank, robust_fit
from sonde.datasets.correction.shifts import PairTable, ShiftFit
from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.records.correction import ClassShift, Constancy, ConstancyTest, Interval, Verdict

TOLERANCE_EV = 0.15
"""Per corrected atom. The published alignment of 25,094 structures leaves 0.014 eV/atom; at 0.46 eV/atom and 2.5 eV per
U atom that is 0.076 eV per U atom (arXiv:2601.21056). A constant may leave twice as much."""
FEWEST_PAIRS = 3
"""Pairs that a class needs to stand by itself; those with fewer are one class, which is not compared."""
RARE = "rare"
MOST_CLASSES = 100
CHANCE = 0.05
"""A difference counts where chance makes one so large less often than this in all comparisons together."""
MOST_OUTLIERS = 0.2
"""Share of the pairs that may lie off the fit before it stops being theirs."""
WORDS = {
    ANION_NEIGHBOURS: ("with", " anion neighbours"),
    OXIDATION_STATE: ("in state", ""),
    COORDINATION: ("with", " neighbours"),
    CONFIG_TYPE: ("in", ""),
}
"""Before and after a class of environment, by description."""
OUTLIER_FLOOR_EV = 0.005
"""Per corrected atom: smaller residuals are no outliers, however sharp the fit."""


Counts = Counter[tuple[int, str]]
"""(atomic number, class) → atoms, of one pair."""


@dataclass(frozen=True, eq=False)
class _Classes:
    """Columns (atomic number, class) and their shares of the corrected atoms X (n_pairs, n_classes)."""

    names: tuple[tuple[int, str], ...]
    X: FloatArray
    n_pairs: tuple[int, ...]
    n_atoms: tuple[int, ...]


@dataclass(frozen=True)
class _Difference:
    """Between two classes of one element, eV per atom."""

    first: int
    second: int
    size_eV: float
    standard_error_eV: float
    significant: bool


@dataclass(frozen=True)
class CommonErrors:
    """Errors common to all pairs of a composition, eV per corrected atom: standard deviation, degrees of freedom.

    A constant that is good enough leaves no more than the tolerance, so that nothing larger is put down to chance.
    """

    size_eV: float | None
    n_free: int
    tolerance_eV: float

    def by_chance(self, level: float) -> float:
        """How far a composition may lie off at this level, one-sided."""
        most = float(norm.ppf(level)) * self.tolerance_eV
        return most if self.size_eV is None else min(float(t.ppf(level, self.n_free)) * self.size_eV, most)


def constancy(found: ShiftFit, kinds: Sequence[Environments], tolerance_eV: float = TOLERANCE_EV) -> Constancy:
    """Fit the shift of every class of environment by itself and compare, by each description of environments.

    A description speaks against a constant where two classes of one element differ by more than the tolerance and
    significantly; for it where no two differ by more. The spread of the residuals and the share of outliers speak
    against it by themselves, whatever causes them. Errors may be common to all pairs of a composition, as large as
    those that the constant leaves; where there are too few compositions to tell, as large as the tolerance.
    """
    common = common_errors(found, tolerance_eV)
    tests = tuple(_test(found.table, kinds, description, common) for description in DESCRIPTIONS)
    spread = MAD_TO_SIGMA * float(np.median(np.abs(found.fit.residuals)))
    share = float(np.mean(is_outlier(found.fit)))
    sufficient, why = _verdict(tests, spread, share, tolerance_eV)
    return Constancy(sufficient, why, tolerance_eV, spread, share, tests)


def is_outlier(fit: RobustFit) -> BoolArray:
    """Tell which pairs the fit gave no weight (n_pairs,)."""
    return np.asarray((fit.weights == 0) & (np.abs(fit.residuals) > OUTLIER_FLOOR_EV), np.bool_)


def _verdict(
    tests: Sequence[ConstancyTest], spread: float, share: float, tolerance_eV: float
) -> tuple[bool | None, str]:
    against = _reasons(tests, "depends")
    if spread > tolerance_eV:
        against.append(f"the residuals spread by {spread:.2g} eV per corrected atom, more than {tolerance_eV:g}")
    if share > MOST_OUTLIERS:
        against.append(f"{share:.0%} of the pairs lie off the fit, more than {MOST_OUTLIERS:.0%}")
    if against:
        return False, "; ".join(against)
    undecided = _reasons(tests, "undecided")
    if undecided:
        return None, "; ".join(undecided)
    names = ", ".join(test.description for test in tests if test.verdict == "constant")
    if not names:
        return None, "no two classes of environment have enough pairs: nothing tells whether the shift holds elsewhere"
    return True, f"no two classes differ by more than {tolerance_eV:g} eV per corrected atom (by {names})"


def _reasons(tests: Sequence[ConstancyTest], verdict: Verdict) -> list[str]:
    return [f"by {test.description}: {test.why}" for test in tests if test.verdict == verdict]


def common_errors(found: ShiftFit, tolerance_eV: float) -> CommonErrors:
    """Estimate errors common to the pairs of a composition from what the constant leaves of each."""
    groups, kept = found.table.groups, found.fit.weights > 0
    members = [found.fit.residuals[(groups == group) & kept] for group in range(int(groups.max()) + 1)]
    means = np.array([rows.mean() for rows in members if len(rows)])
    n_free = len(means) - rank(found.table.X)
    size = float(np.sqrt(means @ means / n_free)) if n_free > 0 else None
    return CommonErrors(size, n_free, tolerance_eV)


def _test(table: PairTable, kinds: Sequence[Environments], description: str, common: CommonErrors) -> ConstancyTest:
    counts = _pooled([class_counts(one, description) for one in kinds])
    names = {name for one in counts for name in one}
    if len(names) > min(MOST_CLASSES, len(table.y) - FEWEST_PAIRS):
        return ConstancyTest(description, "not testable", f"{len(names)} classes are too many for {len(table.y)} pairs")
    classes = _classes(counts)
    comparable = _comparable(classes)
    if not comparable:
        return ConstancyTest(description, "not testable", f"no element has two classes with {FEWEST_PAIRS} pairs each")
    fit = robust_fit(classes.X, table.y)
    both = [(a, b) for a, b in comparable if fit.determined[a] and fit.determined[b]]
    # A class of which each pair holds a few atoms among many may be known too badly to speak for or against.
    tolerance_eV = common.tolerance_eV
    differences = [
        one for one in _differences(classes, fit, table.groups, both, common) if one.standard_error_eV <= tolerance_eV
    ]
    shown = _class_shifts(classes, fit)
    if not differences:
        return ConstancyTest(description, "not testable", "the pairs do not tell its classes apart well enough", shown)
    return _compared(description, classes, shown, differences, tolerance_eV)


def _pooled(counts: Sequence[Counts]) -> list[Counts]:
    """Put the classes with too few pairs together, element by element."""
    n_pairs = Counter(name for one in counts for name in one)
    pooled: list[Counts] = []
    for one in counts:
        own: Counts = Counter()
        for name, n_atoms in one.items():
            own[name if n_pairs[name] >= FEWEST_PAIRS else (name[0], RARE)] += n_atoms
        pooled.append(own)
    return pooled


def _classes(counts: Sequence[Counts]) -> _Classes:
    names = tuple(sorted({name for one in counts for name in one}, key=lambda name: (name[0], len(name[1]), name[1])))
    X = np.array([[one[name] for name in names] for one in counts], float)
    return _Classes(
        names=names,
        X=X / X.sum(axis=1, keepdims=True),
        n_pairs=tuple(np.count_nonzero(X, axis=0).tolist()),
        n_atoms=tuple(X.sum(axis=0).astype(int).tolist()),
    )


def _comparable(classes: _Classes) -> list[tuple[int, int]]:
    """List the pairs of columns of one element whose classes have enough pairs."""
    enough = [
        column for column, n in enumerate(classes.n_pairs) if n >= FEWEST_PAIRS and classes.names[column][1] != RARE
    ]
    return [(a, b) for a, b in combinations(enough, 2) if classes.names[a][0] == classes.names[b][0]]


def _differences(
    classes: _Classes, fit: RobustFit, groups: IntArray, both: Sequence[tuple[int, int]], common: CommonErrors
) -> list[_Difference]:
    covariance = analytic_covariance(classes.X, fit)
    steps, of_groups = jackknife_steps(classes.X, groups, fit), group_covariance(classes.X, groups, fit)
    level = 1 - CHANCE / (2 * max(len(both), 1) * len(DESCRIPTIONS))
    critical = float(t.ppf(level, max(fit.n_free, 1)))
    pulls, of_compositions = group_pulls(classes.X, groups, fit), common.by_chance(level)
    found = []
    for a, b in both:
        size = abs(float(fit.coefficients[a] - fit.coefficients[b]))
        variance = max(_variance(covariance, a, b), _variance_of_groups(steps, of_groups, a, b), 0.0)
        error = float(np.sqrt(variance))
        by_chance = np.hypot(critical * error, of_compositions * np.linalg.norm(pulls[:, a] - pulls[:, b]))
        found.append(_Difference(a, b, size, error, bool(size > by_chance)))
    return found


def _variance(covariance: FloatArray, a: int, b: int) -> float:
    return float(covariance[a, a] + covariance[b, b] - 2 * covariance[a, b])


def _variance_of_groups(steps: FloatArray | None, of_groups: FloatArray | None, a: int, b: int) -> float:
    """Variance of a difference where compositions err as a whole.

    By leaving out one at a time; where a class hangs on one composition, from their mean residuals; zero where there
    are too few compositions for either.
    """
    if steps is not None and np.isfinite(steps[:, [a, b]]).all():
        return float(np.sum((steps[:, a] - steps[:, b]) ** 2))
    return 0.0 if of_groups is None else _variance(of_groups, a, b)


def _compared(
    description: str,
    classes: _Classes,
    shown: tuple[ClassShift, ...],
    differences: Sequence[_Difference],
    tolerance_eV: float,
) -> ConstancyTest:
    large = [difference for difference in differences if difference.size_eV > tolerance_eV]
    certain = [difference for difference in large if difference.significant]
    worst = max(certain or differences, key=lambda difference: difference.size_eV)
    (number, first), (_, second) = classes.names[worst.first], classes.names[worst.second]
    before, after = WORDS[description]
    between = f"{chemical_symbols[number]} {before} {first} and {before} {second}{after}"
    verdict: Verdict = "depends" if certain else "undecided" if large else "constant"
    why = f"{between} differ by {worst.size_eV:.2g} ± {worst.standard_error_eV:.1g} eV per atom"
    if verdict == "undecided":
        why += ", which so few pairs may give by chance"
    return ConstancyTest(description, verdict, why, shown, worst.size_eV, worst.standard_error_eV, between)


def _class_shifts(classes: _Classes, fit: RobustFit) -> tuple[ClassShift, ...]:
    errors = np.sqrt(np.diag(analytic_covariance(classes.X, fit))) * t.ppf((1 + LEVEL) / 2, max(fit.n_free, 1))
    return tuple(
        ClassShift(
            element=chemical_symbols[number],
            label=label,
            shift_eV=float(fit.coefficients[column]),
            interval=Interval(
                float(fit.coefficients[column] - errors[column]), float(fit.coefficients[column] + errors[column])
            ),
            n_pairs=classes.n_pairs[column],
            n_atoms=classes.n_atoms[column],
        )
        for column, (number, label) in enumerate(classes.names)
        if fit.determined[column] and label != RARE
    )
