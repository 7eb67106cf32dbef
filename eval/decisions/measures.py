"""Measures over questions: what stands among the first quotes, and whether silence was kept; with intervals."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Result:
    """What one question got: for each quote in order whether it is right, whether any was given, and if all are true.

    answered: None where the method does not tell answers from nearest passages.
    """

    kind: str
    answerable: bool
    n_gold: int
    hits: tuple[bool, ...]
    answered: bool | None
    exact: bool


def recall_at_5(results: Sequence[Result]) -> float:
    """Share of answerable questions with a right passage among the first five that were given."""
    return _mean([float(any(result.hits[:5])) for result in results if result.answerable])


def reciprocal_rank(results: Sequence[Result]) -> float:
    """Mean of one over the rank of the first right passage."""
    return _mean([next((1 / r for r, hit in enumerate(x.hits, 1) if hit), 0.0) for x in results if x.answerable])


def ndcg_at_10(results: Sequence[Result]) -> float:
    """Normalised discounted gain with right passages all worth the same."""
    return _mean([_gain(x.hits[:10]) / _gain((True,) * min(x.n_gold, 10)) for x in results if x.answerable])


def right_answers(results: Sequence[Result]) -> float:
    """Share of answerable questions that were answered, with a right passage among the first five."""
    return _mean([float(x.answered is not False and any(x.hits[:5])) for x in results if x.answerable])


def silence_kept(results: Sequence[Result]) -> float:
    """Share of questions without an answer that were met by silence: recall of abstention."""
    return _mean([float(x.answered is False) for x in results if not x.answerable])


def silence_right(results: Sequence[Result]) -> float:
    """Share of silences that were right: precision of abstention."""
    return _mean([float(not x.answerable) for x in results if x.answered is False])


def exactness(results: Sequence[Result]) -> float:
    """Share of questions all of whose quotes stand verbatim at their anchors."""
    return _mean([float(x.exact) for x in results])


Measure = tuple[str, Callable[[Sequence[Result]], float]]
MEASURES: tuple[Measure, ...] = (
    ("recall@5", recall_at_5),
    ("MRR", reciprocal_rank),
    ("nDCG@10", ndcg_at_10),
    ("right", right_answers),
    ("silent", silence_kept),
    ("sil.prec", silence_right),
    ("exact", exactness),
)


def interval(results: Sequence[Result], measure: Callable[[Sequence[Result]], float]) -> tuple[float, float]:
    """95 % bootstrap interval over questions."""
    rng = np.random.default_rng(0)
    drawn = (rng.integers(len(results), size=len(results)) for _ in range(400))
    values = [measure([results[k] for k in places]) for places in drawn]
    kept = [value for value in values if not math.isnan(value)]
    return (float(np.quantile(kept, 0.025)), float(np.quantile(kept, 0.975))) if kept else (math.nan, math.nan)


def row(name: str, results: Sequence[Result], measures: Sequence[Measure] = MEASURES) -> str:
    """One line of the table: each measure with its interval; a dash where it has no meaning."""
    cells = []
    for _, measure in measures:
        value, (low, high) = measure(results), interval(results, measure)
        cells.append("      –       " if math.isnan(value) else f"{value:.2f} [{low:.2f},{high:.2f}]")
    return f"{name:<22}" + " ".join(f"{cell:>16}" for cell in cells)


GOALS: tuple[tuple[Measure, str, float], ...] = (
    (("recall@5", recall_at_5), "right passage among the first five quotes", 0.75),
    (("silent", silence_kept), "silence where nothing answers", 0.80),
)


def against_goals(results: Sequence[Result]) -> str:
    """What is wanted of real archives and what is reached, with its interval, a line each."""
    lines = []
    for (_, measure), words, wanted in GOALS:
        value, (low, high) = measure(results), interval(results, measure)
        verdict = "no such question" if math.isnan(value) else "reached" if value >= wanted else "not reached"
        lines.append(f"{words}: {value:.2f} [{low:.2f},{high:.2f}], wanted {wanted:.2f}: {verdict}\n")
    return "".join(lines)


def header(measures: Sequence[Measure] = MEASURES) -> str:
    """Names of the columns."""
    return " " * 22 + " ".join(f"{name:>16}" for name, _ in measures)


def _gain(hits: Sequence[bool]) -> float:
    return sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits, 1) if hit)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan
