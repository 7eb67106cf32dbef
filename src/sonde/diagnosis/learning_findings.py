"""Findings about learning: thin data, or covered and not learnt."""

import math

from sonde.diagnosis.data_findings import TOO_SMALL, coverage_line, covers, is_measured
from sonde.diagnosis.setup_and_failure import is_large
from sonde.records.diagnosis import DensityEvidence, Evidence, EvidenceLine, Finding

THIN_PERCENTILE = 25.0
"""Thin: the input's local training density is below this percentile of the held-out frames'."""


def thin(evidence: Evidence) -> Finding:
    """The error rises as the local training density falls, and the input lies where it is low."""
    density = evidence.density
    if density is None or density.spearman is None or density.low is None:
        n = 0 if density is None else density.n_frames
        why = f"{n} held-out labelled frames are too few to relate error and density (20 are needed)"
        return Finding("thin", "untestable", None, (), evidence.missing.get("held-out frames", why))
    if not math.isfinite(density.spearman):
        why = "errors or distances of the held-out frames are all alike: no relation can be seen"
        return Finding("thin", "untestable", None, _nearest_lines(evidence), why)
    lines = (_density_line(density), *_nearest_lines(evidence))
    if is_large(evidence.errors.get("training_nearest"), evidence.tolerance_eV_per_A):
        return Finding("thin", "refuted", None, lines)
    sparse = density.input_density_percentile is not None and density.input_density_percentile < THIN_PERCENTILE
    return Finding("thin", "supported" if sparse and density.low > 0 else "refuted", None, lines)


def _density_line(density: DensityEvidence) -> EvidenceLine:
    where = density.input_density_percentile
    place = f"; the input is at the {where:.0f}th percentile of density" if where is not None else ""
    return EvidenceLine(
        f"Over {density.n_frames} held-out frames the error and the distance to the training dataset correlate with "
        f"ρ = {density.spearman:.2f} ({density.low:.2f} to {density.high:.2f}){place}.",
        f"labels of {density.n_frames} held-out frames",
    )


def _nearest_lines(evidence: Evidence) -> tuple[EvidenceLine, ...]:
    nearest = evidence.errors.get("training_nearest")
    if nearest is None or nearest.median_eV_per_A is None:
        return ()
    return (
        EvidenceLine(
            f"On its {nearest.n} nearest training frames the median force error is {nearest.median_eV_per_A:.2f} eV/Å "
            f"(tolerance {evidence.tolerance_eV_per_A:g}).",
            f"labels of {nearest.n} training frames",
        ),
    )


def covered_not_learnt(evidence: Evidence) -> Finding:
    """Large residual on its own nearest training frames: capacity, weights or convergence."""
    nearest = evidence.errors.get("training_nearest")
    if nearest is None or nearest.median_eV_per_A is None or evidence.training_coverage is None:
        return Finding("covered_not_learnt", "untestable", None, (), "no labelled training frames at hand")
    if not is_measured(evidence.training_coverage):
        return Finding("covered_not_learnt", "untestable", None, _nearest_lines(evidence), TOO_SMALL)
    lines = (*_nearest_lines(evidence), coverage_line(evidence.training_coverage))
    learnt = not is_large(nearest, evidence.tolerance_eV_per_A)
    covered = covers(evidence.training_coverage)
    return Finding("covered_not_learnt", "refuted" if learnt or not covered else "supported", None, lines)
