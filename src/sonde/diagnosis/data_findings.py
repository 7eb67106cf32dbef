"""Findings about the data: filtered, never computed, lost otherwise, contradictory labels."""

from collections.abc import Iterator

from sonde.diagnosis.setup_and_failure import is_large
from sonde.records.datasets import Rule
from sonde.records.diagnosis import (
    Coverage,
    Evidence,
    EvidenceLine,
    FilterEvidence,
    Finding,
    Intent,
    LabelEvidence,
    LossEvidence,
)

NOVEL = 0.5
"""A set does not cover a structure when more than this share of its failing atoms lies beyond the held-out limit."""
CLEARLY = 0.3
"""Smallest difference in that share for which frames that are in the pool only have made it."""
MOST, FARTHER = 2 / 3, 1.2
"""Lost frames are the cause, too, where most nearest environments were lost and those left are this much farther."""
IN_CONTACT_A = 4.0
"""Element pairs of the input within this distance, Å, interact in every potential worth the name."""
FEW_SURVIVORS = 0.02
"""Survivors beyond the threshold count as none up to this share of the frames for which the rule holds."""
TOO_SMALL = "raw pool or training dataset hold too few independent frames for a held-out limit"
NOT_A_FILTER = {"scf_converged"}
"""Drops by these features lose what was never a valid label: `lost_otherwise`, not `filtered`."""


def is_measured(coverage: Coverage) -> bool:
    """Whether the reference set was large enough for a held-out limit in at least one of the two spaces."""
    return coverage.novel_in_embedding is not None or coverage.novel_in_descriptor is not None


def covers(coverage: Coverage) -> bool:
    """Whether a reference set holds environments like the failing ones, in both descriptors as far as known."""
    novel = [n for n in (coverage.novel_in_embedding, coverage.novel_in_descriptor) if n is not None]
    return bool(novel) and max(novel) <= NOVEL


def lost_coverage(training: Coverage, pool: Coverage) -> bool:
    """Whether dropped frames make the difference: in one space most failing atoms are novel to the training dataset
    and covered by the raw pool."""
    spaces = (
        (training.novel_in_embedding, pool.novel_in_embedding),
        (training.novel_in_descriptor, pool.novel_in_descriptor),
    )
    return any(t is not None and p is not None and t > NOVEL >= p and t - p >= CLEARLY for t, p in spaces)


def is_novel_in_both(coverage: Coverage) -> bool:
    """Whether the failing atoms lie beyond the held-out limit in the embedding and in the independent descriptor."""
    embedding, descriptor = coverage.novel_in_embedding, coverage.novel_in_descriptor
    return descriptor is not None and descriptor > NOVEL and (embedding is None or embedding > NOVEL)


def coverage_line(coverage: Coverage) -> EvidenceLine:
    """Say how much of the failing structure a reference set covers."""
    parts = [
        f"{novel:.0%} in {name}"
        for novel, name in (
            (coverage.novel_in_embedding, "the potential's embedding"),
            (coverage.novel_in_descriptor, "the independent descriptor"),
        )
        if novel is not None
    ] or ["not known"]
    name = "training dataset" if coverage.reference == "training" else "raw pool"
    return EvidenceLine(
        f"Failing atoms beyond the {name}'s held-out 99 % limit: {', '.join(parts)}.",
        f"nearest environments of {coverage.n_reference_frames} frames",
    )


# ---- contradictory labels --------------------------------------------------------------------------------------------


def contradictory_labels(evidence: Evidence) -> Finding:
    """One geometry, two labels, near the failing atoms; the offset exceeds the noise and residuals split by group."""
    labels = evidence.labels
    if labels is None:
        why = "no labelled training frames at hand"
        return Finding("contradictory_labels", "untestable", None, (), why)
    if labels.offset_meV_per_atom is None:
        return Finding("contradictory_labels", "refuted", None, (_few_pairs_line(labels.n_pairs_near),))
    supported = _offset_exceeds_noise(labels) and _residuals_split(labels)
    lines = tuple(_label_lines(labels))
    return Finding("contradictory_labels", "supported" if supported else "refuted", None, lines)


def _few_pairs_line(n_pairs: int) -> EvidenceLine:
    if n_pairs == 0:
        return EvidenceLine("No geometry near the failing atoms carries two labels.", "identity of geometries")
    return EvidenceLine(
        f"Only {n_pairs} geometries near the failing atoms carry two labels: too few for an offset in energy.",
        "identity of geometries",
    )


def _offset_exceeds_noise(labels: LabelEvidence) -> bool:
    low, high, noise = labels.offset_low, labels.offset_high, labels.noise_meV_per_atom
    if low is None or high is None or noise is None or low <= 0.0 <= high:
        return False
    return min(abs(low), abs(high)) > noise


def _residuals_split(labels: LabelEvidence) -> bool:
    if labels.residual_by_group_meV_per_atom is None or labels.offset_meV_per_atom is None:
        return False
    first, second = labels.residual_by_group_meV_per_atom
    return abs(first - second) > 0.25 * abs(labels.offset_meV_per_atom)


def _label_lines(labels: LabelEvidence) -> Iterator[EvidenceLine]:
    groups = " and ".join(labels.groups) if labels.groups else "two groups"
    yield EvidenceLine(
        f"{labels.n_pairs_near} geometries near the failing atoms carry two labels ({groups}), "
        f"{labels.offset_meV_per_atom:+.1f} meV/atom apart "
        f"(95 % interval {labels.offset_low:.1f} to {labels.offset_high:.1f}; noise {labels.noise_meV_per_atom:.1f}).",
        "identical geometries",
    )
    if labels.residual_by_group_meV_per_atom is not None:
        first, second = labels.residual_by_group_meV_per_atom
        yield EvidenceLine(
            f"The potential's energy residual is {first:+.1f} meV/atom in one group and {second:+.1f} in the other.",
            "training frames evaluated",
        )


# ---- filtered --------------------------------------------------------------------------------------------------------


def filtered(evidence: Evidence) -> Finding:
    """The raw pool covers the failing structure, a rule took its neighbours, and the potential is wrong on these."""
    untestable = _why_lineage_is_untestable(evidence)
    if untestable:
        return Finding("filtered", "untestable", None, (), untestable)
    found = evidence.filter
    if found is None or found.rule.feature in NOT_A_FILTER:
        line = EvidenceLine("No rule better than chance explains the frames that the training dataset lacks near it.")
        return Finding("filtered", "refuted", None, (line, *_coverage_lines(evidence)))
    lines = (*_coverage_lines(evidence), *_rule_lines(found), *_error_lines(evidence), *_change_lines(found))
    objections = tuple(_objections(evidence, found))
    if objections:
        return Finding("filtered", "refuted", None, (*objections, *lines))
    if _unlabelled(evidence):
        return Finding("filtered", "untestable", None, lines, "the dropped frames near it carry no forces")
    return Finding("filtered", "supported", intent_of(found), (*lines, *_intent_lines(found)))


def _why_lineage_is_untestable(evidence: Evidence) -> str | None:
    if not evidence.lineage_known:
        return evidence.missing.get("raw pool", "the raw pool is not registered as parent of the training dataset")
    if evidence.pool_coverage is None or evidence.training_coverage is None:
        return "coverage by the raw pool could not be measured"
    if not (is_measured(evidence.pool_coverage) and is_measured(evidence.training_coverage)):
        return TOO_SMALL
    return None


def _unlabelled(evidence: Evidence) -> bool:
    dropped = evidence.errors.get("dropped_by_rule")
    return dropped is None or dropped.median_eV_per_A is None


def _objections(evidence: Evidence, found: FilterEvidence) -> Iterator[EvidenceLine]:
    assert evidence.pool_coverage is not None
    assert evidence.training_coverage is not None
    if is_novel_in_both(evidence.pool_coverage) or any(_unseen_pairs(evidence)):
        yield EvidenceLine("The raw pool does not cover the failing atoms: filtering took nothing like them.")
    if _training_covers(evidence, found):
        yield EvidenceLine("The training dataset covers the failing atoms all the same.")
    if found.n_dropped_near_by_rule == 0:
        yield EvidenceLine("The rule took none of the frames near the failing structure.")
    if found.n_survivors_beyond > FEW_SURVIVORS * max(found.rule.n_matched, 1):
        yield EvidenceLine(f"{found.n_survivors_beyond} training frames lie beyond the threshold all the same.")
    if found.change_predates_training is False:
        yield EvidenceLine("The change that could have set the rule was made after the potential was trained.")
    yield from _error_objections(evidence)


def _training_covers(evidence: Evidence, found: FilterEvidence) -> bool:
    """The drops took no coverage away, and the input is not itself beyond the threshold."""
    assert evidence.training_coverage is not None
    assert evidence.pool_coverage is not None
    beyond = found.inputs_beyond is not None and found.inputs_beyond >= NOVEL
    return not lost_coverage(evidence.training_coverage, evidence.pool_coverage) and not beyond


def _error_objections(evidence: Evidence) -> Iterator[EvidenceLine]:
    dropped, kept = evidence.errors.get("dropped_by_rule"), evidence.errors.get("kept")
    if dropped is None or dropped.median_eV_per_A is None:
        return
    if not is_large(dropped, evidence.tolerance_eV_per_A):
        yield EvidenceLine("The potential is within the tolerance on the dropped frames near it.")
    low, kept_low = dropped.atomwise_median_below_eV_per_A, kept.atomwise_median_below_eV_per_A if kept else None
    if low is not None and kept_low is not None and low <= kept_low:
        yield EvidenceLine("At equal |F| the potential is no worse on dropped neighbours than on kept ones.")


def intent_of(found: FilterEvidence) -> Intent | None:
    """On purpose, collateral, or unknown; None where a reason is quoted that does not say which frames it means."""
    if not found.reasons:
        return "reason_unknown"
    if found.scope_includes is None:
        return None
    return "on_purpose" if found.scope_includes else "collateral"


def _coverage_lines(evidence: Evidence) -> Iterator[EvidenceLine]:
    for coverage in (evidence.training_coverage, evidence.pool_coverage):
        if coverage is not None:
            yield coverage_line(coverage)


def describe(rule: Rule) -> str:
    """Say a rule with its threshold interval."""
    if rule.threshold_low is None or rule.threshold_high is None:
        return f"dropped when {rule.rule}"
    unit = f" {rule.unit}" if rule.unit else ""
    return (
        f"dropped when {rule.rule} (any threshold from {rule.threshold_low:.4g} to {rule.threshold_high:.4g}{unit} "
        "gives the same drops)"
    )


def _rule_lines(found: FilterEvidence) -> Iterator[EvidenceLine]:
    yield EvidenceLine(
        f"Rule recovered from the data: {describe(found.rule)}; {found.rule.n_matched_dropped} frames, "
        f"precision {found.rule.precision:.3f}, recall {found.rule.recall:.3f}, {found.n_survivors_beyond} survivors.",
        "lineage",
    )
    if found.rule.equivalent:
        others = "; ".join(rule.rule for rule in found.rule.equivalent[:4])
        yield EvidenceLine(f"The same drops follow from: {others}.", "lineage")
    yield EvidenceLine(
        f"Near the failing structure the raw pool holds {found.n_dropped_near + found.n_kept_near} frames; "
        f"{found.n_dropped_near} were dropped, {found.n_dropped_near_by_rule} of them by this rule.",
        "nearest environments",
    )


def _error_lines(evidence: Evidence) -> Iterator[EvidenceLine]:
    dropped, kept = evidence.errors.get("dropped_by_rule"), evidence.errors.get("kept")
    if dropped is not None and dropped.median_eV_per_A is not None:
        yield EvidenceLine(
            f"On the {dropped.n} dropped neighbours, which carry labels, the median force error is "
            f"{dropped.median_eV_per_A:.2f} eV/Å (tolerance {evidence.tolerance_eV_per_A:g}).",
            f"labels of {dropped.n} dropped frames",
        )
    if dropped is None or kept is None or kept.atomwise_median_below_eV_per_A is None:
        return
    if dropped.atomwise_median_below_eV_per_A is not None:
        yield EvidenceLine(
            f"Over the same range of |F|: {dropped.atomwise_median_below_eV_per_A:.2f} eV/Å per atom on dropped "
            f"neighbours, {kept.atomwise_median_below_eV_per_A:.2f} on kept ones.",
            f"{dropped.n_atoms_below} and {kept.n_atoms_below} atoms",
        )


def _change_lines(found: FilterEvidence) -> Iterator[EvidenceLine]:
    if found.change is None:
        yield EvidenceLine(found.change_note or "No change was found that sets this rule.")
        return
    change = found.change
    yield EvidenceLine(
        f"{change.time:%d %b %Y}, {change.author or 'unknown'}: {change.key} {change.old or 'unset'} → {change.new}"
        f"{' ' + change.unit if change.unit else ''} in {change.path} (“{change.summary}”)."
        + (f" {found.change_note}" if found.change_note else ""),
        f"commit:{change.commit}",
    )


def _intent_lines(found: FilterEvidence) -> Iterator[EvidenceLine]:
    for quote in found.reasons:
        yield EvidenceLine(f"“{quote.text}” — {quote.author or 'unknown'}", quote.anchor)
    if not found.reasons:
        searched = "No reason is recorded" if found.archive_searched else "No archive of talk is registered"
        yield EvidenceLine(f"{searched} for this change.")
    elif found.scope_includes is None:
        yield EvidenceLine("The quoted reason does not say which frames it means.")
    elif found.scope_words:
        verb = "names" if found.scope_includes else "does not mean"
        yield EvidenceLine(f"The reason {verb} frames like these: “{found.scope_words}”.", "scope of the quote")
    for hit in found.collateral[:3]:
        interval = f" ({hit.ratio_low:.1f}–{hit.ratio_high:.1f})" if hit.ratio_low and hit.ratio_high else ""
        ratio = f", {hit.ratio:.1f} times as often as elsewhere{interval}" if hit.ratio is not None else ""
        yield EvidenceLine(f"{hit.region}: {hit.n_dropped} of {hit.n} frames dropped{ratio}.", "collateral")


# ---- never computed, lost otherwise ----------------------------------------------------------------------------------


def never_computed(evidence: Evidence) -> Finding:
    """Nothing like it in the raw pool, in either descriptor."""
    pool = evidence.pool_coverage
    if pool is None:
        why = evidence.missing.get("raw pool", "the raw pool is not at hand")
        return Finding("never_computed", "untestable", None, (), why)
    unseen = tuple(_unseen_pairs(evidence))
    if not is_measured(pool) and not unseen:
        return Finding("never_computed", "untestable", None, (), TOO_SMALL)
    if not is_novel_in_both(pool) and not unseen:
        return Finding("never_computed", "refuted", None, (coverage_line(pool),))
    quotes = tuple(
        EvidenceLine(f"“{quote.text}” — {quote.author or 'unknown'}", quote.anchor)
        for quote in evidence.never_computed_quotes
    )
    intent: Intent = "on_purpose" if quotes else "intent_not_recorded"
    return Finding("never_computed", "supported", intent, (*unseen, coverage_line(pool), *quotes))


def _unseen_pairs(evidence: Evidence) -> Iterator[EvidenceLine]:
    """Element pairs in contact that no frame of the raw pool holds: novel, whatever an embedding sees of it."""
    for contact in evidence.setup.contacts:
        if contact.pool_minimum_A is None and contact.input_A < IN_CONTACT_A:
            pair = "–".join(contact.pair)
            yield EvidenceLine(
                f"The raw pool holds no {pair} contact at all; in the input they are {contact.input_A:.2f} Å apart.",
                "closest contacts",
            )


def lost_otherwise(evidence: Evidence) -> Finding:
    """Computed, then lost without a filter: unconverged, split, subsample, export."""
    if not evidence.lineage_known or evidence.loss is None:
        why = evidence.missing.get("raw pool", "the raw pool is not registered as parent of the training dataset")
        return Finding("lost_otherwise", "untestable", None, (), why)
    loss, training = evidence.loss, evidence.training_coverage
    line = EvidenceLine(
        f"{loss.n_near_lost} of {loss.n_near_pool} frames of the raw pool near it were lost without a filter"
        + (f" ({loss.how})." if loss.how else "."),
        "lineage",
    )
    lines = (line, *_nearest_lost_lines(loss), *_coverage_lines(evidence))
    pool = evidence.pool_coverage
    if training is not None and pool is not None and not (is_measured(training) and is_measured(pool)):
        return Finding("lost_otherwise", "untestable", None, lines, TOO_SMALL)
    if training is None or pool is None or loss.n_near_lost == 0 or is_novel_in_both(pool):
        return Finding("lost_otherwise", "refuted", None, lines)
    if lost_coverage(training, pool) or _nearest_were_lost(loss):
        return Finding("lost_otherwise", "supported", None, lines)
    return Finding("lost_otherwise", "refuted", None, lines)


def _nearest_were_lost(loss: LossEvidence) -> bool:
    """Most nearest environments are among the lost ones, and what is left is clearly farther away."""
    share, ratio = loss.nearest_lost_fraction, loss.median_distance_ratio
    return share is not None and ratio is not None and share >= MOST and ratio >= FARTHER


def _nearest_lost_lines(loss: LossEvidence) -> Iterator[EvidenceLine]:
    if loss.nearest_lost_fraction is not None and loss.median_distance_ratio is not None:
        yield EvidenceLine(
            f"For {loss.nearest_lost_fraction:.0%} of the failing atoms the nearest environment of the raw pool is "
            f"among the lost ones; what the training dataset holds is {_times(loss.median_distance_ratio)} as far.",
            "nearest environments",
        )


def _times(ratio: float) -> str:
    """A ratio to an almost identical environment has no meaningful size."""
    return f"{ratio:.2f} times" if ratio < 100.0 else "more than 100 times"
