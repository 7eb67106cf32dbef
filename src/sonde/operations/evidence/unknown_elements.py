"""Input that holds an element the potential does not know: it cannot be evaluated, but the question has an answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sonde.operations.evidence.assembly import raw_pool_of
from sonde.records.diagnosis import Coverage, Diagnosis, Evidence, FailureEvidence, SetupEvidence, StructureReport
from sonde.records.frames import Frame
from sonde.records.potentials import RegisteredPotential

if TYPE_CHECKING:
    from sonde.store import Project


def unknown_elements(frames: Sequence[Frame], registered: RegisteredPotential) -> tuple[int, ...]:
    """Atomic numbers of the input that the potential was not made for."""
    known = set(registered.identity.elements)
    return tuple(sorted({int(z) for frame in frames for z in frame.numbers} - known))


def diagnose_unknown_elements(
    project: "Project",
    registered: RegisteredPotential,
    frames: Sequence[Frame],
    tolerance_eV_per_A: float,
    structures: str,
) -> Diagnosis:
    """Judge what can be judged without a prediction: was the element ever computed, was it in the training dataset?"""
    from sonde.diagnosis.actions import Subject, actions
    from sonde.diagnosis.findings import findings, verdict
    from sonde.diagnosis.headline import headline

    evidence = _evidence(project, registered, frames, tolerance_eV_per_A)
    found = findings(evidence)
    name, finding = verdict(found)
    pool = raw_pool_of(project, registered.trained_on) if registered.trained_on else None
    return Diagnosis(
        potential=registered.name,
        tolerance=tolerance_eV_per_A,
        tolerance_unit="eV/Å",
        training_dataset=registered.trained_on,
        raw_pool=pool,
        inputs=structures,
        structures=tuple(_report(k, frame) for k, frame in enumerate(frames)),
        rules=(),
        findings=found,
        verdict=name,
        verdict_intent=finding.intent if finding else None,
        headline=headline(name, finding, evidence),
        quotes=(),
        changes=(),
        actions=actions(evidence, found, Subject(registered.name, registered.trained_on, pool, structures)),
        contacts=(),
        collateral=(),
        notes=(evidence.failure.anomaly or "",),
    )


def _evidence(
    project: "Project", registered: RegisteredPotential, frames: Sequence[Frame], tolerance_eV_per_A: float
) -> Evidence:
    from ase.data import chemical_symbols

    unknown = unknown_elements(frames, registered)
    names = tuple(chemical_symbols[z] for z in unknown)
    anomaly = f"The potential does not know {', '.join(names)}: it gives no forces for these structures at all."
    trained_on = registered.trained_on
    pool = raw_pool_of(project, trained_on) if trained_on else None
    in_training = trained_on is not None and _holds(project, trained_on, unknown)
    return Evidence(
        tolerance_eV_per_A=tolerance_eV_per_A,
        setup=SetupEvidence(
            residuals_registered=registered.residuals,
            identity_differs=("elements",) if in_training else (),
            unknown_elements=names,
        ),
        failure=FailureEvidence(anomaly=anomaly),
        pool_coverage=None if pool is None else _coverage(project, pool, unknown),
        missing={} if pool else {"raw pool": "sonde add dataset FILE --name raw, then its child with --child-of raw"},
    )


def _holds(project: "Project", dataset: str, elements: Sequence[int]) -> bool:
    wanted = set(elements)
    return any(wanted & set(frame.numbers.tolist()) for frame in project.datasets.frames(dataset))


def _coverage(project: "Project", pool: str, unknown: Sequence[int]) -> Coverage:
    """All atoms of an element that the pool lacks are novel; of one that it holds nothing is known."""
    novel = None if _holds(project, pool, unknown) else 1.0
    return Coverage("pool", project.datasets.row(pool).n_frames, novel, novel, None, None)


def _report(index: int, frame: Frame) -> StructureReport:
    from ase.data import chemical_symbols
    from ase.formula import Formula

    formula = Formula.from_list([chemical_symbols[z] for z in frame.numbers.tolist()]).format("metal")
    return StructureReport(index, formula, None, "out_of_scope", (), None, None)
