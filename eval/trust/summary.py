"""`make reports` ends with this: all fair tables of this folder, the seeds taken together, on one page, README.md."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sonde.reliability.metrics import calibration_error_by_chance

HERE = Path(__file__).parent
OURS, FORCE = "local probe", "largest predicted force"
Row = Mapping[str, Any]
HEAD = """# Fair tables

What `sonde trust evaluate` found on real data, per set, potential, part held out and tolerance: means over the
seeds; divisions other than random are the same for all seeds and judged with the first. The JSON files have every seed,
score and measure; `make reports` makes them anew, each with a page of figures.

*In bins*: AUROC of telling structures beyond the tolerance from others of about the same largest predicted force,
by one fitted score at a time; in brackets *pooled*: the same over all held-out parts at once. *Over the force*: by
how much the probe ranks better than the largest predicted force alone, with the 95 % interval over resampled groups
(the mean of its ends over the seeds), bold where it excludes zero. *Better than, worse than*: how many of the other
scores the probe beats, or is beaten by, beyond such an interval. *Best other*: the score that ranks best in bins
beside the probe. *ECE*: of the probe, in ten bins of equal mass; in brackets what true probabilities would show by
chance with so few frames. *Caught*: structures beyond the tolerance that are set aside as unreliable or out of
scope; *false alarms*: of the others. A dash: one kind of case only. The three tolerances of a set are the median,
the 80 % and the 95 % quantile of its errors.
"""
COLUMNS = (
    "held out",
    "tolerance",
    "beyond",
    "probe in bins",
    "over the force",
    "better than, worse than",
    "best other",
    "ECE (by chance)",
    "caught",
    "false alarms",
    "gate alone",
)


@dataclass(frozen=True)
class Difference:
    """By how much the probe ranks better within bins; mean over the seeds, of the interval's ends, too."""

    by: float
    low: float
    high: float


def summary(records: Sequence[Row]) -> str:
    """Markdown of these evaluations, read from JSON."""
    return "\n".join([HEAD, *_gains(records), *(line for record in records for line in _section(record))])


def _gains(records: Sequence[Row]) -> Iterator[str]:
    """Over the potentials of a set: how much the probe adds at random divisions."""
    yield "## What the probe adds, by set and potential"
    yield ""
    yield "Random divisions, whole groups held out; the three tolerances one after another."
    yield ""
    yield "| set | potential | frames | over the force | over the best other | ECE (by chance) |"
    yield "| --- | --- | ---: | --- | --- | --- |"
    for record in records:
        tables = [own for (shift, *_), own in _together(record, "forces").items() if shift == "random"]
        if not tables:
            continue
        over = ", ".join(_signed(_difference(own, FORCE)) for own in tables)
        best = ", ".join(_signed(_difference(own, _best_other(own))) for own in tables)
        eces = ", ".join(f"{_number(_mean(own, OURS, 'ece'), 3)} ({_number(_by_chance(own), 3)})" for own in tables)
        frames = f"{record['n_frames']:,}"
        yield f"| {record['dataset']} | {record['potential']} | {frames} | {over} | {best} | {eces} |"
    yield ""


def _section(record: Row) -> Iterator[str]:
    seeds = len(record["seeds"])
    yield f"## {record['dataset']}, {record['potential']}"
    yield ""
    yield (
        f"{record['n_frames']:,} frames in {record['n_groups']:,} groups, {seeds} seed{'s' if seeds > 1 else ''}, "
        f"force slope {record['force_slope']:.3f}. {' '.join(record['notes'])}".rstrip()
    )
    yield ""
    for kind in ("forces", "forces after the force-slope correction", "energies"):
        together = _together(record, kind)
        if together:
            yield f"### {kind.capitalize()}"
            yield ""
            yield "| " + " | ".join(COLUMNS) + " |"
            yield "| --- | ---: " + "| --- " * (len(COLUMNS) - 2) + "|"
            yield from (_line(tables) for tables in together.values())
            yield ""


def _together(record: Row, kind: str) -> dict[tuple[str, float], list[Row]]:
    """Tables of one kind by shift and tolerance, a list of seeds each."""
    found: dict[tuple[str, float], list[Row]] = {}
    for table in record["tables"]:
        if _kind(table) == kind:
            found.setdefault((table["shift"], _tolerance(table)), []).append(table)
    return found


def _kind(table: Row) -> str:
    if table["tolerance_eV_per_atom"] is not None:
        return "energies"
    return "forces after the force-slope correction" if table["softened"] else "forces"


def _tolerance(table: Row) -> float:
    own = table["tolerance_eV_per_A"]
    return float(table["tolerance_eV_per_atom"] if own is None else own)


def _line(tables: Sequence[Row]) -> str:
    first, others = tables[0], [name for name in _names(tables) if name != OURS]
    differences = [_difference(tables, name) for name in others]
    better = sum(one is not None and one.low > 0 for one in differences)
    worse = [name for name, one in zip(others, differences, strict=True) if one is not None and one.high < 0]
    known = sum(one is not None for one in differences)
    unit = "eV/Å" if first["tolerance_eV_per_A"] is not None else "eV/atom"
    best = _best_other(tables)
    cells = (
        f"{first['shift'].replace('_', ' ')} ({first['n_test']:,})",
        f"{_tolerance(first):.3g} {unit}",
        f"{np.mean([table['prevalence_beyond'] for table in tables]):.0%}",
        f"{_number(_mean(tables, OURS, IN_BINS))} ({_number(_mean(tables, OURS, POOLED))})",
        _interval(_difference(tables, FORCE)),
        f"{better}, {len(worse)} of {known}" + (f": {'; '.join(worse)}" if worse else ""),
        "—" if best is None else f"{best} {_number(_mean(tables, best, IN_BINS))}",
        f"{_number(_mean(tables, OURS, 'ece'), 3)} ({_number(_by_chance(tables), 3)})",
        _share(tables, "caught"),
        _share(tables, "false_alarms"),
        _number(_flag(tables, "gate_auroc")),
    )
    return "| " + " | ".join(cells) + " |"


IN_BINS, POOLED = "auroc_within_force_bins", "auroc_within_pooled"


def _names(tables: Sequence[Row]) -> list[str]:
    return [row["name"] for row in tables[0]["rows"]]


def _rows(tables: Sequence[Row], name: str) -> list[Row]:
    return [row for table in tables for row in table["rows"] if row["name"] == name]


def _best_other(tables: Sequence[Row]) -> str | None:
    """Which score beside the probe ranks best in bins."""
    means = {name: _mean(tables, name, IN_BINS) for name in _names(tables) if name != OURS}
    known = {name: mean for name, mean in means.items() if mean is not None}
    return max(known, key=lambda name: known[name]) if known else None


def _mean(tables: Sequence[Row], name: str, measure: str) -> float | None:
    """Mean of a score's measure over the seeds that have it."""
    values = [row[measure] for row in _rows(tables, name) if row[measure] is not None]
    return float(np.mean(values)) if values else None


def _difference(tables: Sequence[Row], name: str | None) -> Difference | None:
    if name is None:
        return None
    found = [row["probe_better_within"] for row in _rows(tables, name) if row["probe_better_within"] is not None]
    if not found:
        return None
    return Difference(*(float(np.mean([one[end] for one in found])) for end in ("by", "low", "high")))


def _flag(tables: Sequence[Row], measure: str) -> float | None:
    values = [table["flags"][measure] for table in tables if table["flags"] and table["flags"][measure] is not None]
    return float(np.mean(values)) if values else None


def _by_chance(tables: Sequence[Row]) -> float | None:
    """ECE to be expected of true probabilities."""
    bins = [[(own["stated"], own["found"], own["n"]) for own in table["bins"]] for table in tables if table["bins"]]
    expected = [calibration_error_by_chance(own) for own in bins]
    return float(np.mean(expected)) if expected else None


def _share(tables: Sequence[Row], measure: str) -> str:
    value = _flag(tables, measure)
    return "—" if value is None else f"{value:.0%}"


def _number(value: float | None, digits: int = 2) -> str:
    return "—" if value is None else f"{value:.{digits}f}"


def _signed(difference: Difference | None) -> str:
    return "—" if difference is None else f"{difference.by:+.2f}"


def _interval(difference: Difference | None) -> str:
    if difference is None:
        return "—"
    text = f"{difference.by:+.2f} ({difference.low:+.2f} … {difference.high:+.2f})"
    return f"**{text}**" if difference.low > 0 or difference.high < 0 else text


def records(folder: Path = HERE) -> list[Row]:
    """The evaluations that lie there, by name."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]


def write(folder: Path = HERE) -> None:
    """Write the page anew."""
    (folder / "README.md").write_text(summary(records(folder)), encoding="utf-8")


if __name__ == "__main__":
    write()
