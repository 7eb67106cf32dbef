"""How well shifts fitted to some compositions predict the differences of others."""

from dataclasses import dataclass

import numpy as np

from sonde.datasets.correction.robust_fit import null_projector, robust_fit
from sonde.datasets.correction.shifts import PairTable, ShiftFit
from sonde.local_environments.grouping import group_folds
from sonde.records.arrays import FloatArray, IntArray
from sonde.records.correction import Residuals, Spread

FOLDS = 10
SEED = 20260128
LEAST_PREDICTED = 0.5
"""Share of the pairs that compositions held out must leave predictable; else geometries are held out."""


@dataclass(frozen=True, eq=False)
class HeldOutResiduals:
    """(n_pairs,) residual of each pair by a fit without its group, eV per corrected atom; NaN: not predictable."""

    residuals: FloatArray
    by_composition: bool


def held_out_residuals(table: PairTable) -> HeldOutResiduals | None:
    """Cross-validate by whole compositions; by geometries where most compositions hold elements that no other has.

    None for fewer than three pairs.
    """
    n = len(table.y)
    if n < 3:
        return None
    if len(table.names) > 1:
        residuals = _residuals(table, table.groups)
        if np.isfinite(residuals).mean() >= LEAST_PREDICTED:
            return HeldOutResiduals(residuals, True)
    return HeldOutResiduals(_residuals(table, np.arange(n)), False)


def _residuals(table: PairTable, groups: IntArray) -> FloatArray:
    folds = group_folds(groups.tolist(), FOLDS, SEED)
    found = np.full(len(table.y), np.nan)
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        fit = robust_fit(table.X[~out], table.y[~out])
        seen = np.abs(table.X[out] @ null_projector(table.X[~out])).max(axis=1) < 1e-6
        found[out] = np.where(seen, table.y[out] - table.X[out] @ fit.coefficients, np.nan)
    return found


def residuals(found: ShiftFit, atoms_per_corrected: FloatArray) -> Residuals:
    """Summarise differences before and after the correction, and under cross-validation.

    `atoms_per_corrected` (n_pairs,): atoms of the cell over corrected atoms.
    """
    table = found.table
    held_out = held_out_residuals(table)
    known = np.isfinite(held_out.residuals) if held_out else np.zeros(len(table.y), bool)
    return Residuals(
        before=spread(table.y, atoms_per_corrected),
        after=spread(found.fit.residuals, atoms_per_corrected),
        cross_validated=spread(held_out.residuals[known], atoms_per_corrected[known]) if held_out is not None else None,
        before_of_cross_validated=spread(table.y[known], atoms_per_corrected[known]) if held_out is not None else None,
        held_out=None if held_out is None else "composition" if held_out.by_composition else "geometry",
        n_groups=len(table.names),
        n_not_predicted=int(np.count_nonzero(~known)),
    )


def spread(per_corrected: FloatArray, atoms_per_corrected: FloatArray) -> Spread:
    """Summarise differences, eV per corrected atom."""
    per_atom = 1000 * per_corrected / atoms_per_corrected
    return Spread(
        n_pairs=len(per_corrected),
        rms_meV_per_atom=float(np.sqrt(np.mean(per_atom**2))),
        median_meV_per_atom=float(np.median(np.abs(per_atom))),
        rms_eV_per_corrected_atom=float(np.sqrt(np.mean(per_corrected**2))),
        median_eV_per_corrected_atom=float(np.median(np.abs(per_corrected))),
    )
