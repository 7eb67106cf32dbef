"""Records of `correct`: shifts per element, how well they are known, and what became of the frames."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

IntervalKind = Literal["leaving out compositions", "analytic"]
Verdict = Literal["constant", "depends", "undecided", "not testable"]


@dataclass(frozen=True)
class Interval:
    """95 % interval of a shift, eV per atom."""

    low_eV: float
    high_eV: float


@dataclass(frozen=True)
class ElementShift:
    """Energy per corrected atom of one element that is taken off: source surface minus target surface.

    `shift_eV` is None where the pairs do not determine it: no least-norm number stands in. `interval` is the one to
    use, `interval_from` says which of the two below it is. `rests_on` names the one composition without which the
    shift would not be determined.
    """

    element: str
    shift_eV: float | None
    interval: Interval | None
    interval_from: IntervalKind | None
    jackknife: Interval | None
    analytic: Interval | None
    n_pairs: int
    n_compositions: int
    identifiable: bool
    why_not: str | None = None
    rests_on: str | None = None


@dataclass(frozen=True)
class Combination:
    """Elements whose shifts pairs determine only together, in the ratio in which they always occur."""

    atoms: str
    """"1 Mo + 1 W"."""
    shift_eV: float
    """Of these atoms together."""


@dataclass(frozen=True)
class Spread:
    """Energy differences between paired labels, per atom and per corrected atom; medians are of absolute values."""

    n_pairs: int
    rms_meV_per_atom: float
    median_meV_per_atom: float
    rms_eV_per_corrected_atom: float
    median_eV_per_corrected_atom: float


@dataclass(frozen=True)
class Residuals:
    """Differences between paired labels before the correction, after it, and after one fitted without these pairs."""

    before: Spread
    after: Spread | None
    cross_validated: Spread | None
    before_of_cross_validated: Spread | None
    """Before the correction, for the pairs that cross-validation could predict."""
    held_out: Literal["composition", "geometry"] | None
    """What was held out as a whole: all pairs of a composition, or one geometry where there are too few of those."""
    n_groups: int
    n_not_predicted: int
    """Pairs with an element that no other composition has."""


@dataclass(frozen=True)
class ClassShift:
    """Shift of the atoms of one element in one kind of environment, eV per atom."""

    element: str
    label: str
    shift_eV: float
    interval: Interval
    n_pairs: int
    n_atoms: int


@dataclass(frozen=True)
class ConstancyTest:
    """Whether shifts fitted per class of environment differ, by one description of environments."""

    description: str
    verdict: Verdict
    why: str
    classes: tuple[ClassShift, ...] = ()
    largest_difference_eV: float | None = None
    """Between two classes of one element."""
    standard_error_eV: float | None = None
    between: str | None = None


@dataclass(frozen=True)
class Constancy:
    """Whether one number per element is good enough.

    False: two classes differ significantly and by more than the tolerance, or the spread or the share of outliers is
    too large for any constant. None: nothing to compare, or too few pairs to tell.
    """

    constant_sufficient: bool | None
    why: str
    tolerance_eV: float
    spread_eV: float
    """Robust standard deviation of the residuals, per corrected atom."""
    outlier_share: float
    tests: tuple[ConstancyTest, ...]


@dataclass(frozen=True)
class LabelDifferences:
    """What no shift of energies removes: paired differences of forces and stress, and how the shift goes with strain.

    Forces: |ΔF| per atom over pairs with a force that symmetry does not forbid; pressures in GPa.
    """

    n_pairs_with_forces: int
    n_pairs_zero_by_symmetry: int
    mean_force_eV_per_A: float | None
    rms_force_eV_per_A: float | None
    max_force_eV_per_A: float | None
    n_pairs_with_stress: int
    mean_pressure_GPa: float | None
    """Mean of the signed difference, source minus target; positive: the source surface is under more compression."""
    mean_absolute_pressure_GPa: float | None
    max_absolute_pressure_GPa: float | None
    strain_slope_eV_per_A: float | None
    """Change of the residual per corrected atom with the nearest-neighbour distance of corrected atoms (Theil-Sen)."""
    strain_p_value: float | None
    """Of Kendall's rank correlation of the two."""
    n_pairs_with_moments: int
    n_pairs_other_moment: int
    """Stated total moments apart by more than 0.5 μB: the difference holds a change of the magnetic state."""


@dataclass(frozen=True)
class OutlierPair:
    """A pair far off the fit, which gave it no weight."""

    source: str
    target: str
    """dataset:ordinal"""
    composition: str
    difference_eV_per_corrected_atom: float
    residual_eV_per_corrected_atom: float


@dataclass(frozen=True)
class FrameCounts:
    """What becomes of the frames of the dataset."""

    n_frames: int
    n_on_target: int
    """With an energy on the target surface: copied as they are."""
    n_corrected: int
    n_without_energy: int
    """Nothing to correct: copied as they are."""
    n_uncorrectable: int
    uncorrectable: Mapping[str, int]
    """Reason → frames."""
    uncorrectable_are: Literal["left out", "left as they are"] | None
    """None: not chosen."""
    n_twins: int
    """Corrected frames whose geometry also stands on the target surface: their labels differ by the residual."""


@dataclass(frozen=True)
class Refusal:
    """Why nothing is written, with the numbers; one that `--anyway` overrides is kept in the record."""

    kind: str
    why: str
    what_to_do: str
    overridden: bool = False


@dataclass(frozen=True)
class PairedDifference:
    """One pair, eV per corrected atom: source minus target, and what the fit takes off (None: not determined)."""

    environment: str
    difference_eV: float
    shift_eV: float | None


@dataclass(frozen=True)
class Written:
    """Where the corrected frames went."""

    dataset: str
    run: int
    n_frames: int
    file: str | None


@dataclass(frozen=True)
class Correction:
    """Shifts from one energy surface towards another, what speaks for and against them, and what was written.

    `surface` names the result: "shifted PBE+U". It is not the target: forces and stresses stay those of the source.
    """

    SCHEMA: ClassVar[str] = "sonde.correct/1"
    dataset: str
    pairs_from: tuple[str, ...]
    """Further datasets in which the other label of a structure was looked for."""
    from_surface: str
    to_surface: str
    surface: str
    where: str | None
    n_pairs: int
    n_pairs_set_aside: Mapping[str, int]
    """Reason → pairs of one geometry on both surfaces that the fit does not use."""
    shifts: tuple[ElementShift, ...]
    combinations: tuple[Combination, ...]
    residuals: Residuals | None
    outliers: tuple[OutlierPair, ...]
    n_outliers: int
    constancy: Constancy | None
    label_differences: LabelDifferences | None
    frames: FrameCounts
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...] = ()
    correction_id: str | None = None
    """In the tag `correction_id` of every corrected frame."""
    written: Written | None = None
    paired: tuple[PairedDifference, ...] = field(default=(), metadata={"json": False})
    """What the plots are drawn from, in the order of the pairs."""

    @property
    def refused(self) -> bool:
        """Whether a refusal stands that was not overridden."""
        return any(not refusal.overridden for refusal in self.refusals)
