"""Numbers behind the plots of a report."""

from typing import TYPE_CHECKING

import numpy as np

from sonde.operations.evidence.filters import feature_values, training_time
from sonde.operations.evidence.material import Labelled, Material
from sonde.operations.evidence.trust import Trust
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.diagnosis import DiagnosisFigures, Evidence, TimelineEvent

if TYPE_CHECKING:
    from sonde.decisions.archive import Archive
    from sonde.local_environments.pca import PrincipalComponents

MOST_POINTS = 4000
"""A map with more points is neither read nor drawn quickly: a seeded sample is shown."""


def figures(material: Material, trust: Trust, evidence: Evidence, archive: "Archive | None") -> DiagnosisFigures:
    """Gather the map of environments, the rule's feature, the worst structure and the timeline."""
    training, dropped, failing = _map(material)
    kept, lost, inputs = _rule_values(material)
    worst = _worst_structure(material)
    frame, judged = material.inputs.frames[worst], trust.reliabilities[worst]
    unknown = np.full(frame.n_atoms, np.nan)
    return DiagnosisFigures(
        map_training=training,
        map_dropped=dropped,
        map_failing=failing,
        rule_values_kept=kept,
        rule_values_dropped=lost,
        rule_values_failing=inputs,
        atoms_numbers=frame.numbers,
        atoms_positions=frame.positions,
        atoms_cell=frame.cell,
        atoms_failing=material.failing[worst],
        atoms_p_within=judged.atomic_p_within if judged else unknown,
        atoms_true_error=material.inputs.errors[worst],
        timeline=_timeline(material, evidence, archive),
    )


def _worst_structure(material: Material) -> int:
    """Index of the input with the largest true error, or the largest predicted force where there are no labels."""
    largest = [
        float(np.max(errors if errors is not None else np.linalg.norm(found.forces_eV_per_A, axis=1)))
        for errors, found in zip(material.inputs.errors, material.inputs.evaluations, strict=True)
    ]
    return int(np.argmax(largest))


def _map(material: Material) -> tuple[FloatArray, FloatArray, FloatArray]:
    """First two principal components of the independent descriptor, atoms of the failing atoms' elements only."""
    from sonde.local_environments.pca import PrincipalComponents

    failing = np.concatenate(material.failing_in("descriptor"))
    elements = np.unique(np.concatenate(material.failing_numbers))
    training = _environments(material.training, elements, None)
    keep = np.isin(np.arange(len(material.pool.frames)), list(material.dropped)) if material.pool else None
    dropped = _environments(material.pool, elements, keep)
    every = np.concatenate([x for x in (training, dropped, failing) if len(x)])
    if len(every) < 3:
        nothing = np.zeros((0, 2))
        return nothing, nothing, nothing
    plane = PrincipalComponents.fit(every, n_components=2)
    return _scores(plane, training), _scores(plane, dropped), _scores(plane, failing)


def _environments(source: Labelled | None, elements: "np.ndarray", keep: BoolArray | None) -> FloatArray:
    if source is None:
        return np.zeros((0, 2))
    chosen = [
        x[np.isin(z, elements)]
        for k, (x, z) in enumerate(zip(source.descriptors, source.numbers, strict=True))
        if keep is None or keep[k]
    ]
    return _sample(np.concatenate(chosen)) if chosen else np.zeros((0, 2))


def _sample(X: FloatArray) -> FloatArray:
    if len(X) <= MOST_POINTS:
        return X
    return X[np.random.default_rng(0).choice(len(X), MOST_POINTS, replace=False)]


def _scores(plane: "PrincipalComponents", X: FloatArray) -> FloatArray:
    return plane.transform(X)[:, :2] if len(X) else np.zeros((0, 2))


def _rule_values(material: Material) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The first rule's feature over kept, dropped and failing frames; empty where there is no numeric rule."""
    nothing = np.zeros(0)
    if material.lineage is None or not material.lineage.rules or material.pool is None:
        return nothing, nothing, nothing
    values = feature_values(material, material.lineage.rules[0].feature)
    if values is None:
        return nothing, nothing, nothing
    pool, inputs = values
    dropped = np.isin(np.arange(len(pool)), list(material.dropped))
    return pool[~dropped], pool[dropped], inputs


def _timeline(material: Material, evidence: Evidence, archive: "Archive | None") -> tuple[TimelineEvent, ...]:
    """The changes of the rule's key, the quotes, and the training, in order of time."""
    events = []
    drop = evidence.filter
    if drop is not None and drop.change is not None and archive is not None:
        for change in archive.changes:
            if change.key == drop.change.key and change.path == drop.change.path:
                text = f"{change.key}: {change.old or 'unset'} → {change.new or 'removed'} (“{change.summary}”)"
                events.append(TimelineEvent(change.time, "change", text, f"commit:{change.commit}", change.author))
    events += [
        TimelineEvent(quote.time, quote.role, quote.text, quote.anchor, quote.author)
        for quote in (drop.reasons if drop else ())
        if quote.time is not None
    ]
    trained_at = material.registered.trained_at
    trained = training_time(trained_at, archive) if trained_at else None
    if trained is not None:
        events.append(TimelineEvent(trained, "training", f"{material.registered.name} trained", None, None))
    return tuple(sorted(events, key=lambda event: event.time))
