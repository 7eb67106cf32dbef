"""An evaluation of trust as one self-contained HTML page."""

from collections.abc import Sequence

from sonde.records.trust_evaluation import Better, ShiftTable, TrustEvaluation
from sonde.views.page import Panel, panel, render
from sonde.views.trust_evaluation import flags_said, percent, signed, title, tolerance_said, two


def trust_page(record: TrustEvaluation) -> str:
    """Render the fair table with its curves; where a baseline wins it is said."""
    shown = {
        "two": two,
        "percent": percent,
        "signed": signed,
        "flags_said": flags_said,
        "title": title,
        "tolerance_said": tolerance_said,
    }
    verdicts = [_verdict(table) for table in _first(record)]
    return render(
        "trust_evaluation.html", record=record, panels=_panels(record), verdicts=verdicts, notes=record.notes, **shown
    )


def _first(record: TrustEvaluation) -> list[ShiftTable]:
    """Tables of the first seed, without correction."""
    return [table for table in record.tables if not table.softened and table.seed == record.seeds[0]]


def _verdict(table: ShiftTable) -> tuple[ShiftTable, list[str], list[str], list[str]]:
    """Scores that the probe beats within force bins beyond the interval, those that beat it, and that do so pooled."""
    within = [(row.name, row.probe_better_within) for row in table.rows]
    beaten = [name for name, better in within if better is not None and better.low > 0]
    return table, beaten, _winning(within), _winning([(row.name, row.probe_better_pooled) for row in table.rows])


def _winning(found: Sequence[tuple[str, Better | None]]) -> list[str]:
    """Names of the scores that rank better than the probe beyond the interval."""
    return [name for name, better in found if better is not None and better.high < 0]


def _panels(record: TrustEvaluation) -> list[Panel]:
    from sonde.views import trust_figures as draw

    own = [table for table in _first(record) if table.tolerance_eV_per_atom is None]
    first = [table for table in own if table.shift == own[0].shift]
    middle = first[len(first) // 2]
    at_middle = [t for t in own if t.tolerance_eV_per_A == middle.tolerance_eV_per_A]
    made = [
        panel(
            "Better within force bins by",
            f"At {middle.tolerance_eV_per_A:.2g} eV/Å, with 95 % intervals over resampled groups; left of zero the "
            "score ranks better than the probe.",
            draw.within_plot(at_middle),
            wide=True,
        ),
        panel("Risk and coverage", f"Held out: {middle.shift}.", draw.risk_coverage_plot(middle)),
        panel("Are probabilities true?", "Bars are one standard error.", draw.reliability_plot(first)),
        panel("The worst frames", "Recall of the largest errors at a budget of 5 %.", draw.worst_plot(middle)),
    ]
    if record.labels:
        caption = f"One held-out quarter per seed, {middle.tolerance_eV_per_A:.2g} eV/Å."
        made.append(panel("Labels needed", caption, draw.label_plot(record.labels)))
    return made
