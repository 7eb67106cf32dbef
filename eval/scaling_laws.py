"""`make eval-scaling`: how far the fitted laws can be trusted, on curves whose truth is known and on published ones.

Prints, on synthetic curves of 7 sizes × 3 seeds with 2 % noise: how often 95 % intervals hold the truth and how wide
they are, how often a break is claimed where there is none, and found where there is one; on published curves: the error
at the largest size, predicted from the smaller ones, beside a plain power law's, and what is said of ill curves.

Data: $SONDE_SHARED_DATA, else ../shared/data.
"""

import argparse
import csv
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is loaded: the processes share the cores

import numpy as np

from sonde.records.arrays import FloatArray
from sonde.scaling_laws.averaging import averaged_predictions
from sonde.scaling_laws.break_test import break_test
from sonde.scaling_laws.fitting import fit_form
from sonde.scaling_laws.forms import FORMS, POWER, log_loss
from sonde.scaling_laws.intervals import profile_limits
from sonde.scaling_laws.law import Settings, fit_law
from sonde.scaling_laws.noise import seed_noise
from sonde.scaling_laws.points import Points, points
from sonde.scaling_laws.quantities_of_laws import quantities

SCATTER = 0.02
SIZES = np.asarray(500 * 2.0 ** np.arange(7), np.float64)
X = np.repeat(SIZES, 3)
MIDDLE = float(SIZES[3])
"""Three sizes on each side."""
AHEAD = (2.0, 10.0)
"""Predictions at these multiples of the largest size."""
HERE = Path(__file__).resolve().parents[1]
Law = Callable[[FloatArray], FloatArray]


# ---- laws whose truth is known ---------------------------------------------------------------------------------------


def broken(x: FloatArray, low: float, high: float, sharpness: float = 1.0, floor: float = 0.0) -> FloatArray:
    """A = 3, a break at the middle size."""
    bend = (1 + (x / MIDDLE) ** (1 / sharpness)) ** (-(high - low) * sharpness)
    return np.asarray(floor + 3 * x**-low * bend)


LAWS: dict[str, tuple[Law, dict[str, float]]] = {
    "power": (lambda x: np.asarray(3 * x**-0.3), {"amplitude": 3, "alpha": 0.3}),
    "power_floor": (
        lambda x: np.asarray(0.05 + 3 * x**-0.5),
        {"amplitude": 3, "alpha": 0.5, "floor": 0.05},
    ),
    "broken": (
        partial(broken, low=0.2, high=0.6),
        {"amplitude": 3, "alpha_1": 0.2, "alpha_2": 0.6, "x_break": MIDDLE},
    ),
    "bnsl_1": (
        partial(broken, low=0.2, high=0.6, sharpness=0.5),
        {"amplitude": 3, "alpha_1": 0.2, "alpha_2": 0.6, "x_break": MIDDLE, "sharpness": 0.5},
    ),
    "broken_floor": (
        partial(broken, low=0.2, high=0.8, floor=0.02),
        {"amplitude": 3, "alpha_1": 0.2, "alpha_2": 0.8, "x_break": MIDDLE, "floor": 0.02},
    ),
}


def noisy(law: Law, seed: int) -> Points:
    """Points of a law with the scatter of seeds."""
    noise = np.random.default_rng(seed).standard_normal(len(X))
    return points(X, law(X) * np.exp(SCATTER * noise))


@dataclass(frozen=True)
class Held:
    """One interval: whether it held the truth, its width (of exponents and sharpness), or high/low − 1."""

    what: str
    held: bool
    width: float


def limits_of(name: str, seed: int) -> list[Held]:
    """All intervals of one draw: parameters, predictions by the form itself, and by the average over forms."""
    law, truth = LAWS[name]
    data, ahead = noisy(law, seed), np.array(AHEAD) * SIZES[-1]
    asked = quantities(data, FORMS[name], ahead)
    found = profile_limits(fit_form(data, FORMS[name]), asked)
    low, high = asked.shown(found.low).tolist(), asked.shown(found.high).tolist()
    expected = [truth[one] for one in asked.names] + law(ahead).tolist()
    names = [*asked.names, *(f"{name} law at {factor:g}×" for factor in AHEAD)]
    average = averaged_predictions(data, seed_noise(data), ahead)
    names += [f"average at {factor:g}×" for factor in AHEAD]
    low, high = [*low, *average.low.tolist()], [*high, *average.high.tolist()]
    expected += law(ahead).tolist()
    return [held(*row) for row in zip(names, low, high, expected, strict=True)]


def held(what: str, low: float, high: float, truth: float) -> Held:
    """A limit that the points do not set is NaN and holds; the interval is then infinitely wide."""
    wide = high - low if what.startswith(("alpha", "sharpness")) or low <= 0 else high / low - 1.0
    return Held(what, not (low > truth or high < truth), wide if np.isfinite(wide) else np.inf)


def coverage(pool: ProcessPoolExecutor, n_draws: int, seed: int) -> Iterator[str]:
    """Share of intervals that hold the truth, and their median width."""
    yield f"Intervals of 95 %: how often they hold the truth over {n_draws} draws, median width"
    yield "(exponents, sharpness and a floor reaching zero: high − low; all else: high/low − 1; open: no limit set)"
    for name in LAWS:
        draws = list(pool.map(partial(limits_of, name), range(seed, seed + n_draws), chunksize=5))
        yield f"  {name}: {FORMS[name].formula}"
        for rows in zip(*draws, strict=True):
            share, width = np.mean([row.held for row in rows]), np.median([row.width for row in rows])
            n_open = np.mean([np.isinf(row.width) for row in rows])
            mark = "" if 0.90 <= share <= 0.98 else "   outside 90–98 %" if share < 0.90 else "   above 98 %"
            yield f"    {rows[0].what:<24} {share:6.1%}   width {width:8.3g}   open {n_open:5.1%}{mark}"


# ---- breaks ----------------------------------------------------------------------------------------------------------


BREAKS = (
    *((0.2, 2.0, 0.5), (0.2, 2.0, 1.0), (0.4, 2.0, 1.0), (0.1, 2.0, 0.5), (0.2, 3.0, 1.0)),
    *((0.8, 0.5, 0.5), (0.8, 0.5, 1.0), (0.6, 0.5, 0.2), (0.6, 0.5, 0.5), (0.4, 0.5, 0.2), (0.4, 0.5, 1.0)),
)
"""Exponent below the break, how many times as large it is above, sharpness f; below 1 the curve flattens."""


def bend(law: Law, seed: int) -> str | None:
    """What bends the points on one draw."""
    data = noisy(law, seed)
    return break_test(data, seed_noise(data)).bend


def breaks(pool: ProcessPoolExecutor, n_draws: int, seed: int) -> Iterator[str]:
    """Breaks claimed where there is none, and found where there is one; half the draws where a floor is simulated."""
    yield f"Breaks established, in {n_draws} draws of power laws and {n_draws // 2} of all else"
    yield "(in brackets: a bend is seen, by a break or a floor)"
    seeds = itertools.count(seed, 10_000)  # other noise for every law
    for alpha in (0.1, 0.3, 0.6):
        rate = shares_of(pool, partial(power, alpha=alpha), n_draws, next(seeds))
        yield f"  no break: power law, α = {alpha:<27} {rate}"
    for share in (0.2, 0.6):
        rate = shares_of(pool, partial(floored, share=share), n_draws // 2, next(seeds))
        yield f"  no break: floor, {share:.0%} of the loss at the largest size {rate}"
    for low, ratio, sharpness in BREAKS:
        law = partial(broken, low=low, high=ratio * low, sharpness=sharpness)
        rate = shares_of(pool, law, n_draws // 2, next(seeds))
        exponents = f"{low} → {ratio * low:.2g} (×{ratio:g})"
        yield f"  break at the middle size, f = {sharpness:<4} exponent {exponents} {rate}"


def power(x: FloatArray, alpha: float) -> FloatArray:
    """A power law."""
    return np.asarray(3 * x**-alpha)


def floored(x: FloatArray, share: float) -> FloatArray:
    """A power law with a floor that makes up a share of the loss at the largest size."""
    above = (x / SIZES[-1]) ** -0.5
    return np.asarray(share / (1 - share) + above)


def shares_of(pool: ProcessPoolExecutor, law: Law, n_draws: int, seed: int) -> str:
    """Share of draws with an established break, and with any bend."""
    found = list(pool.map(partial(bend, law), range(seed, seed + n_draws), chunksize=5))
    established, bent = found.count("break"), found.count("break_or_floor")
    return f"{established / n_draws:6.1%} ({(established + bent) / n_draws:.1%})"


# ---- published curves ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Curve:
    """One published curve."""

    name: str
    x: FloatArray
    loss: FloatArray


def sweeps(shared_data: Path) -> Iterator[Curve]:
    """Sweeps of training-set size and of width (arXiv 2602.05702), three seeds each."""
    records = json.loads((shared_data / "scaling/optimetal/scaling_results.json").read_text())
    for axis, models in records.items():
        for model, runs in models.items():
            variants = {"": runs} if "10000" in runs or "128" in runs else runs
            for variant, own in variants.items():
                rows = [(float(size), run["val_loss"]) for size, of_size in own.items() for run in of_size]
                x, loss = np.array(rows).T
                yield Curve(f"{axis}: {model} {variant}".strip(), x, loss)


def potentials(shared_data: Path, code: str) -> Iterator[Curve]:
    """Energy and force curves of variants of one potential (doi 10.1088/2632-2153/acf115), one run a size."""
    with (shared_data / f"scaling/data_efficiency/{code}_learning.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for model in dict.fromkeys(row["model"] for row in rows):
        own = [row for row in rows if row["model"] == model]
        for column, what in (("e", "energy"), ("f", "forces")):
            x, loss = np.array([(float(row["n"]), float(row[column])) for row in own]).T
            yield Curve(f"{model}, {what}", x, loss)


@dataclass(frozen=True)
class HeldOut:
    """Relative errors at the largest size, predicted from the smaller ones."""

    curve: str
    ours: float
    power: float
    inside: bool
    seed_scatter: float | None


def held_out(curve: Curve, n_left_out: int = 1) -> HeldOut:
    """Predict the largest size without the `n_left_out` largest, by the average over forms and by a power law."""
    data = points(curve.x, curve.loss)
    part, x = data.below(len(data.sizes) - n_left_out), data.sizes[-1:]
    noise, found = seed_noise(part), float(np.exp(data.means[-1] + data.y_centre))
    plain = log_loss(POWER, fit_form(part, POWER, noise).theta, np.log(x) - part.u_centre)[0] + part.y_centre
    average = averaged_predictions(part, noise, x)
    scatter = seed_noise(data).variance
    return HeldOut(
        curve.name,
        float(average.value[0]) / found - 1,
        float(np.exp(plain)) / found - 1,
        bool(average.low[0] <= found <= average.high[0]),
        None if scatter is None else float(np.sqrt(scatter)),
    )


def predictions(shared_data: Path) -> Iterator[str]:
    """Errors at the largest size beside a plain power law's."""
    curves = list(sweeps(shared_data))
    for n_left_out, words in ((1, "all smaller sizes"), (2, "all but the two largest sizes")):
        rows = [held_out(curve, n_left_out) for curve in curves]
        yield f"Loss at the largest size, predicted from {words}"
        for row in rows:
            scatter = "" if row.seed_scatter is None else f"   scatter of seeds {row.seed_scatter:.1%}"
            inside = "inside" if row.inside else "outside"
            yield f"  {row.curve:<26} average {row.ours:+7.1%}   power law {row.power:+7.1%}   {inside}{scatter}"
        yield f"  {summary(rows)}"
    for code in ("mace", "nequip"):
        healthy = [curve for curve in potentials(shared_data, code) if not serious(curve)]
        rows = [held_out(curve) for curve in healthy]
        yield f"The same on the {len(rows)} curves of {code} without serious readings: {summary(rows)}"


def summary(rows: Sequence[HeldOut]) -> str:
    """Root mean squares and medians of the relative errors, their ratio, and the intervals that held."""
    ours, plain = (np.array([getattr(row, name) for row in rows]) for name in ("ours", "power"))
    rms = [float(np.sqrt(np.mean(one**2))) for one in (ours, plain)]
    medians = [float(np.median(np.abs(one))) for one in (ours, plain)]
    return (
        f"root mean square {rms[0]:.1%} against {rms[1]:.1%} (ratio {rms[0] / rms[1]:.2f}); median {medians[0]:.1%} "
        f"against {medians[1]:.1%} (ratio {medians[0] / medians[1]:.2f}); {sum(row.inside for row in rows)} of "
        f"{len(rows)} inside the interval"
    )


def serious(curve: Curve) -> bool:
    """Whether something stands before any law."""
    return any(reading.serious for reading in fit_law(curve.x, curve.loss, settings=Settings(draws=0)).readings)


def table(shared_data: Path, code: str) -> Iterator[str]:
    """Law and readings of every curve of one potential; the pathological ones marked."""
    yield f"Curves of {code} ({'!'} marks those that should not be extrapolated before their readings are looked into)"
    seen: dict[bytes, str] = {}
    for curve in potentials(shared_data, code):
        fit = fit_law(curve.x, curve.loss, settings=Settings(draws=0))
        copy = seen.setdefault(curve.loss.tobytes(), curve.name)
        said = [
            *dict.fromkeys(f"{one.kind}{'!' if one.serious else ''}" for one in fit.readings if one.kind != "one_seed")
        ]
        said += [f"copy of {copy}"] if copy != curve.name else []
        ill = copy != curve.name or any(one.serious for one in fit.readings)
        first = next(value for name, value in fit.parameters.items() if name.startswith("alpha"))
        law = f"{fit.form:<12} α = {first.value:5.2f} ({limit(first.low)} to {limit(first.high)})"
        verdict = {True: "predictable", False: "not predictable", None: "not tested"}[fit.predictable]
        yield f"{'!' if ill else ' '} {curve.name:<46} {law:<44} {verdict:<16} {', '.join(said)}"


def limit(one: float | None) -> str:
    return "open" if one is None else f"{one:.2f}"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="How far the fitted laws can be trusted.")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first draw")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", choices=("intervals", "breaks", "curves"), help="one part")
    given = parser.parse_args()
    shared_data = Path(os.environ.get("SONDE_SHARED_DATA", HERE.parent / "shared" / "data"))
    with ProcessPoolExecutor(given.processes) as pool:
        parts = {
            "intervals": (coverage(pool, given.draws, given.seed),),
            "breaks": (breaks(pool, given.draws, given.seed),),
            "curves": (predictions(shared_data), table(shared_data, "mace"), table(shared_data, "nequip")),
        }
        for name in [given.only] if given.only else parts:
            for lines in parts[name]:
                show(lines)


def show(lines: Iterator[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
