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
    aicc: float
    extrapolation_error: float | None
    n_origins: int
    established: bool
    """A break is established: neither a power law nor a power law with a floor explains the points."""
    break_statement: str
    p_no_break: float | None
    """p-value of a power law without break or floor."""
    p_floor: float | None
    """p-value of a power law with a floor instead of a break."""
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
