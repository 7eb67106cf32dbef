"""How much a risk score is worth for choosing what to trust: risk-coverage areas, recall of the worst, force bins.

Risk runs upwards: the higher the score, the sooner a case is set aside. AURC: Geifman and El-Yaniv, arXiv 1805.08206;
AUGRC: Traub et al., arXiv 2407.01032.
"""

from collections.abc import Sequence

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

from sonde.records.arrays import BoolArray, FloatArray, IntArray
from sonde.reliability.metrics import auroc
from sonde.reliability.resampling import Draws

FORCE_BINS = 5
FLAG_BUDGET = 0.05
WORST = (0.01, 0.05, 0.10)


def auprc(beyond: BoolArray, risk: FloatArray) -> float | None:
    """Average precision of finding the cases beyond tolerance; its chance level is their share. None without any."""
    return float(average_precision_score(beyond, risk)) if beyond.any() and not beyond.all() else None


def _kept_means(losses: FloatArray, risk: FloatArray) -> FloatArray:
    """Mean loss of the k cases of lowest risk, k = 1 … n; ties in risk share their mean loss."""
    _, place = np.unique(risk, return_inverse=True)
    tied = (np.bincount(place, losses) / np.bincount(place))[place]
    return np.asarray(np.cumsum(tied[np.argsort(risk, kind="stable")]) / np.arange(1, len(losses) + 1))


def aurc(losses: FloatArray, risk: FloatArray) -> float:
    """Area under the risk-coverage curve: the mean loss of what is kept, averaged over all coverages."""
    return float(_kept_means(losses, risk).mean())


def excess_aurc(losses: FloatArray, risk: FloatArray) -> float:
    """AURC less that of the perfect order (by the losses themselves)."""
    return aurc(losses, risk) - aurc(losses, losses)


def augrc(losses: FloatArray, risk: FloatArray) -> float:
    """Area under the generalised risk-coverage curve: the mean over coverages of coverage times mean loss kept."""
    n = len(losses)
    return float((_kept_means(losses, risk) * np.arange(1, n + 1) / n).mean())


def recall_of_worst(losses: FloatArray, risk: FloatArray, share: float, budget: float = FLAG_BUDGET) -> float | None:
    """Share of the worst cases (by loss) among those of highest risk that a flag budget allows; None for no case."""
    n_worst, n_flagged = round(share * len(losses)), round(budget * len(losses))
    if not n_worst or not n_flagged:
        return None
    worst = set(np.argsort(-losses, kind="stable")[:n_worst].tolist())
    flagged = np.argsort(-risk, kind="stable")[:n_flagged].tolist()
    return len(worst & set(flagged)) / n_worst


def force_bins(forces: FloatArray, n_bins: int = FORCE_BINS) -> list[IntArray]:
    """Places of the cases of about the same predicted force, in bins of equal numbers."""
    return list(np.array_split(np.argsort(forces, kind="stable"), n_bins))


def auroc_within_bins(
    beyond: BoolArray, risk: FloatArray, forces: FloatArray, n_bins: int = FORCE_BINS
) -> float | None:
    """AUROC among cases of about the same predicted force: over bins of equal numbers, weighed by pairs of cases.

    What is left of a score's ranking once the predicted force is known; 0.5 for a score that only restates it.
    """
    once = Draws(np.ones((1, len(risk))))
    (found,) = once.auroc_within(beyond, risk, force_bins(forces, n_bins)).tolist()
    return found if np.isfinite(found) else None


def kept_losses(losses: FloatArray, risk: FloatArray, coverages: Sequence[float]) -> tuple[float, ...]:
    """Mean loss of the share of cases of lowest risk, for each coverage above 0."""
    means = _kept_means(losses, risk)
    return tuple(float(means[max(1, round(share * len(losses))) - 1]) for share in coverages)


def spearman(losses: FloatArray, risk: FloatArray) -> float | None:
    """Rank correlation of risk and loss; None where either is constant."""
    if np.ptp(losses) == 0 or np.ptp(risk) == 0:
        return None
    return float(spearmanr(losses, risk).statistic)


def atom_auroc(errors: Sequence[FloatArray], risks: Sequence[FloatArray], tolerance: float) -> float | None:
    """AUROC of per-atom risk for atoms beyond tolerance, over all atoms of all structures."""
    return auroc(np.concatenate(errors) > tolerance, np.concatenate(risks))
