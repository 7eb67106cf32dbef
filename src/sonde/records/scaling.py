"""Records of the room `scaling_laws`: fitted laws, their comparison, predictions, plans."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from sonde.records.arrays import FloatArray


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval from the profile of the cost; a limit the points do not set is None.

    bootstrap_low, bootstrap_high: the same from the bootstrap over seeds, None where it was not run. at_edge: a limit
    is the end of the range that was searched (a break is searched within the sizes only).
    """

    value: float
    low: float | None
    high: float | None
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None
    at_edge: bool = False


@dataclass(frozen=True)
class Prediction:
    """Mean loss expected at size x, with its 95 % interval, in the unit of the loss given."""

    x: float
    value: float
    low: float | None
    high: float | None
    by_form: float | None = None
    """What the chosen form alone says."""
    by_power_law: float | None = None


@dataclass(frozen=True)
class ComparedForm:
    """One form beside the others. `refused` says why it was not fitted; the numbers are then None."""

    form: str
    formula: str
    n_parameters: int
    refused: str | None = None
    aicc: float | None = None
    delta_aicc: float | None = None
    """Above the lowest of all forms."""
    extrapolation_error: float | None = None
    """Root mean square relative error of the next size, over `n_origins` origins."""
    n_origins: int = 0
    power_law_error: float | None = None
    """Of the plain power law, on the same origins."""
    misfit_p: float | None = None
    """p-value of the sizes' scatter about the law against the scatter of seeds."""
    share_of_draws: float | None = None
    """Share of bootstrap draws in which this form has the lowest AICc."""


@dataclass(frozen=True)
class BackTest:
    """How the averaged prediction would have done: each size predicted from the smaller ones."""

    n_origins: int
    error: float | None
    """Root mean square relative error."""
    power_law_error: float | None
    n_inside: int
    """Origins at which the 95 % interval held what was found."""
    x: tuple[float, ...] = ()
    relative_errors: tuple[float, ...] = ()


@dataclass(frozen=True)
class Reading:
    """Something that the curve itself says, before any law: an outlier, a rise, a kink, unfinished runs."""

    kind: Literal[
        "outlier",
        "not_monotone",
        "rises",
        "not_converged",
        "flat",
        "misfit",
        "copy",
        "one_seed",
        "few_sizes",
        "composition_changes",
        "surface_changes",
        "runaway",
        "unequal_scatter",
        "left_out",
    ]
    message: str
    x: tuple[float, ...] = ()
    serious: bool = False
    """The curve should not be extrapolated before this is looked into."""


@dataclass(frozen=True)
class ScalingFit:
    """A learning curve, the law that its points support, and what they do not support.

    `form` is the simplest law that holds: one with a break is taken only where the break is established. Predictions
    are averaged over all forms the points leave possible, unless one form was asked for.
    """

    SCHEMA: ClassVar[str] = "sonde.scaling_fit/1"
    variable: str
    loss: str
    n_points: int
    n_sizes: int
    largest_x: float
    form: str
    formula: str
    parameters: Mapping[str, Estimate]
    aicc: float | None
    """None with hardly more points than parameters."""
    extrapolation_error: float | None
    n_origins: int
    established: bool
    """A break is established: neither a power law nor a power law with a floor explains the points."""
    bend: Literal["none", "break", "break_or_floor"] | None
    """What bends the points off a power law: `break_or_floor` where both explain them; None with too few sizes."""
    flattens: bool
    """The points bend, and the gains shrink: predictions then span laws with a floor and laws without."""
    break_statement: str
    p_no_break: float | None
    """p-value of a power law without break or floor."""
    p_floor: float | None
    """p-value of a power law with a floor instead of a break; None where the points do not bend."""
    comparison: tuple[ComparedForm, ...]
    predictions: tuple[Prediction, ...]
    predictions_by: str
    """`average` over forms, or the name of the form asked for."""
    predictable: bool | None
    """Whether the back-test allows extrapolation; None where there are too few sizes to test it."""
    why: str
    """What `predictable` rests on, in words."""
    backtest: BackTest
    probability_of_break: float
    probability_of_floor: float
    exponent_now: Estimate | None
    """−d log loss / d log x at the largest size, by the chosen form."""
    correlated: tuple[tuple[str, str, float], ...]
    """Pairs of parameters whose estimates go together, with their correlation."""
    readings: tuple[Reading, ...]
    seed_scatter: float | None
    """Relative standard deviation of the loss over seeds; None with one seed a size."""
    n_draws: int = 0
    curve_x: FloatArray | None = field(default=None, metadata={"json": False})
    curve: FloatArray | None = field(default=None, metadata={"json": False})
    """Rows: chosen form, power law, average, its low and high limits; along curve_x."""
    points_x: FloatArray | None = field(default=None, metadata={"json": False})
    points_loss: FloatArray | None = field(default=None, metadata={"json": False})


@dataclass(frozen=True)
class TableCurve:
    """One of several curves of a file: its law, or why there is none."""

    curve: str
    n_points: int
    fit: ScalingFit | None
    refused: str | None = None
    same_as: str | None = None
    """An earlier curve with the same numbers to the last digit: one model under two names."""

    @property
    def pathological(self) -> bool:
        """Nothing should be concluded from it before its serious readings, or its being a copy, are looked into."""
        return self.same_as is not None or self.fit is None or any(one.serious for one in self.fit.readings)


@dataclass(frozen=True)
class ScalingTable:
    """The curves of one file, each fitted by itself."""

    SCHEMA: ClassVar[str] = "sonde.scaling_table/1"
    file: str
    each: str
    """The column whose values tell the curves apart."""
    variable: str
    loss: str
    curves: tuple[TableCurve, ...]


@dataclass(frozen=True)
class ComparedForm2D:
    """One form in N and D beside the others; errors are those of the held-out largest D, and largest N."""

    form: str
    formula: str
    n_parameters: int
    refused: str | None = None
    aicc: float | None = None
    delta_aicc: float | None = None
    error_at_largest_d: float | None = None
    error_at_largest_n: float | None = None
    weight: float | None = None
    """Akaike weight, by which predictions are averaged."""


@dataclass(frozen=True)
class Prediction2D:
    """Mean loss expected of a model with N parameters trained on D frames, with its 95 % interval."""

    n_parameters: float
    n_frames: float
    value: float
    low: float | None
    high: float | None
    by_form: float | None = None


@dataclass(frozen=True)
class Gain:
    """Relative change of the loss where one thing is multiplied by `factor`; negative is better."""

    of: Literal["data", "parameters"]
    factor: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ScalingFit2D:
    """Loss over model size N and data D: the law its points support, and where the next spend buys more."""

    SCHEMA: ClassVar[str] = "sonde.scaling_fit2d/1"
    loss: str
    n_points: int
    n_pairs: int
    largest_n: float
    largest_d: float
    form: str
    formula: str
    parameters: Mapping[str, Estimate]
    aicc: float | None
    extrapolation_error: float | None
    """Root mean square relative error of the pairs with the largest D, predicted from the others."""
    established: bool
    """The broken term of D is needed: its AICc is lower by 6 and it predicts the largest D no worse."""
    comparison: tuple[ComparedForm2D, ...]
    predictions: tuple[Prediction2D, ...]
    gains: tuple[Gain, ...]
    """From the largest model and the largest training set; only along what the points let one predict."""
    data_first: float | None
    """Share of draws in which doubling the data lowers the loss more than doubling the model."""
    correlated: tuple[tuple[str, str, float], ...]
    predictable: bool | None
    """Whether the pairs asked for may be predicted; None where the points are too few to test it."""
    why: str
    """What `predictable` rests on, in words."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelsFor:
    """Training frames at which the loss is expected to reach a target; None where it is not reached in sight."""

    target: float
    value: float | None
    low: float | None
    high: float | None
    searched_to: float
    """The largest size looked at."""


@dataclass(frozen=True)
class GroupValue:
    """What the next frames of one group of environments would buy, if a group learns from its own frames only."""

    group: str
    n_frames: float
    """Training frames of the group now."""
    n_next: int
    own_change: float | None
    """Relative change of the group's own loss."""
    own_low: float | None
    own_high: float | None
    overall_change: float | None
    """Relative change of the loss on all held-out frames; None where the group's weight in it is not known."""
    predictable: bool | None
    why: str


@dataclass(frozen=True)
class Option:
    """One way to spend: what it changes (relative; negative is better), what it costs, what it rests on."""

    kind: Literal["repair_labels", "restore_dropped", "new_labels", "larger_model"]
    statement: str
    n_frames: int | None
    new_labels: int | None
    """Labels that have to be computed."""
    change: float | None
    low: float | None
    high: float | None
    advised: bool
    why: str


@dataclass(frozen=True)
class ScalingPlan:
    """What more data, repaired or restored data, or a larger model would buy, and what to do first."""

    SCHEMA: ClassVar[str] = "sonde.scaling_plan/1"
    variable: str
    loss: str
    now: float
    """Training frames from which is counted."""
    predictable: bool | None
    why: str
    at_budget: tuple[Prediction, ...]
    labels_for: tuple[LabelsFor, ...]
    groups: tuple[GroupValue, ...]
    options: tuple[Option, ...]
    """The advised one first."""
    advice: str
    open_alarms: tuple[str, ...] = ()
    """Surface alarms of the dataset's audit: while there is one, no larger model is advised."""
    dataset: str | None = None
    notes: tuple[str, ...] = ()
