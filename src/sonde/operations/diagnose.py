"""`sonde diagnose`: all of it, for one failing structure or trajectory."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sonde.errors import BadInput, NotFound, SondeError, WrongUse
from sonde.progress import SILENT, Progress
from sonde.records.decisions import Quote
from sonde.records.diagnosis import Diagnosis, Evidence, FailureEvidence, Finding, StructureReport, Verdict
from sonde.records.frames import Frame
from sonde.records.potentials import RegisteredPotential

if TYPE_CHECKING:
    from sonde.decisions.archive import Archive
    from sonde.operations.evidence.material import Material
    from sonde.operations.evidence.trust import Trust
    from sonde.store import Project


@dataclass(frozen=True)
class DiagnoseSettings:
    """What counts as a failure, and how the failing run was made, where it was one.

    tolerance_eV_per_A bounds the length of a per-atom force error.
    """

    tolerance_eV_per_A: float = 0.3
    trajectory: bool = False
    timestep_fs: float | None = None
    temperature_K: float | None = None
    confirm: bool = False


def diagnose(
    project: "Project",
    structures: Path,
    potential: str,
    *,
    settings: DiagnoseSettings = DiagnoseSettings(),
    progress: Progress = SILENT,
) -> Diagnosis:
    """Say why a potential fails on these structures: which cause the evidence supports, which it refutes, which
    cannot be tested, with the rule, the change and the quoted reason behind it, and the cheapest next step.

    Give structures (with labels where there are any) or, with --trajectory, the run that went wrong: only its frames
    before the first anomaly are used.
    """
    from sonde.operations.evidence.assembly import gather
    from sonde.operations.evidence.unknown_elements import diagnose_unknown_elements, unknown_elements

    _require_settings(settings)
    frames = read_structures(structures)
    registered = _registered(project, potential)
    if unknown_elements(frames, registered):
        return diagnose_unknown_elements(project, registered, frames, settings.tolerance_eV_per_A, str(structures))
    material, failure, trust = gather(project, frames, potential, settings, progress)
    archive = _archive(project)
    evidence = _evidence(project, material, failure, archive, settings, progress)
    found, name, finding = _judge(evidence)
    record = _record(material, trust, evidence, (found, name, finding), str(structures))
    record = _with_figures(record, material, trust, evidence, archive)
    if settings.confirm:
        record = _confirmed(project, material, record, progress)
    return record


def _confirmed(project: "Project", material: "Material", record: Diagnosis, progress: Progress) -> Diagnosis:
    """Add the experiment; where it cannot be made, the diagnosis stands and says why."""
    from sonde.operations.confirm import confirm

    try:
        return replace(record, confirmation=confirm(project, material, progress=progress))
    except SondeError as hindrance:
        return replace(record, notes=(*record.notes, f"--confirm was not run: {hindrance}"))


def _require_settings(settings: DiagnoseSettings) -> None:
    """Refuse numbers that mean nothing before any work is done; NaN is not above zero either."""
    quantities = {
        "tolerance": (settings.tolerance_eV_per_A, "eV/Å"),
        "time step": (settings.timestep_fs, "fs"),
        "temperature": (settings.temperature_K, "K"),
    }
    for name, (value, unit) in quantities.items():
        if value is not None and not 0 < value < np.inf:
            raise WrongUse(f"The {name} must be a number above zero, in {unit}; {value} was given.")


def _registered(project: "Project", name: str) -> RegisteredPotential:
    if name not in project.potentials.names():
        raise NotFound("potential", name, project.potentials.names())
    return project.potentials.get(name)


def read_structures(path: Path) -> list[Frame]:
    """Read the failing structures, numbered in their order."""
    from sonde.datasets.readers import read_frames

    if not path.exists():
        raise BadInput(path, None, "there is no such file", "Give the failing structures as extxyz or JSON.")
    frames = [frame.numbered(k) for k, frame in enumerate(read_frames(path)) if frame.n_atoms]
    if not frames:
        raise BadInput(path, None, "it holds no structures", "Give the failing structures as extxyz or JSON.")
    return frames


def _archive(project: "Project") -> "Archive | None":
    from sonde.operations.why import open_archive

    return open_archive(project) if project.sources.names() else None


def _evidence(
    project: "Project",
    material: "Material",
    failure: FailureEvidence,
    archive: "Archive | None",
    settings: DiagnoseSettings,
    progress: Progress,
) -> Evidence:
    from sonde.operations.add_potential import training_sample
    from sonde.operations.evidence import coverage, errors, filters, labels, setup

    sample = training_sample(project, material.registered.trained_on)
    dynamics = (settings.timestep_fs, settings.temperature_K or 300.0) if settings.timestep_fs else None
    progress.say("comparing with the training dataset and the raw pool")
    neighbours = errors.neighbour_errors(material)
    drop = filters.filter_evidence(material, archive)
    training, pool = material.training, material.pool
    return Evidence(
        tolerance_eV_per_A=material.tolerance_eV_per_A,
        setup=setup.setup_evidence(material, sample, dynamics, progress),
        failure=failure,
        training_coverage=coverage.coverage_by(training, material, "training") if training else None,
        pool_coverage=coverage.coverage_by(pool, material, "pool") if pool else None,
        filter=drop,
        lineage_known=material.lineage is not None,
        loss=errors.loss_evidence(material, drop),
        errors=neighbours,
        labels=labels.label_evidence(material),
        density=coverage.density_evidence(material),
        never_computed_quotes=filters.left_out_on_purpose(material, archive),
        missing=_missing(material, archive),
    )


def _missing(material: "Material", archive: "Archive | None") -> dict[str, str]:
    missing = {}
    name = material.registered.name
    if material.training is None:
        missing["training dataset"] = f"sonde add potential {name} … --trained-on DATASET"
    if material.pool is None:
        missing["raw pool"] = "sonde add dataset FILE --name raw, then add the training dataset with --child-of raw"
    if archive is None:
        missing["archive"] = "sonde add git|slack|mail|notes|slides PATH"
    return missing


def _judge(evidence: Evidence) -> tuple[tuple[Finding, ...], Verdict, Finding | None]:
    from sonde.diagnosis.findings import findings, verdict

    found = findings(evidence)
    return found, *verdict(found)


def _record(
    material: "Material",
    trust: "Trust",
    evidence: Evidence,
    judged: tuple[tuple[Finding, ...], Verdict, Finding | None],
    structures: str,
) -> Diagnosis:
    from sonde.diagnosis.actions import Subject, actions
    from sonde.diagnosis.headline import headline

    found, name, finding = judged
    registered, lineage, drop = material.registered, material.lineage, evidence.filter
    pool = material.pool.name if material.pool else None
    subject = Subject(registered.name, registered.trained_on, pool, structures)
    return Diagnosis(
        potential=registered.name,
        tolerance=material.tolerance_eV_per_A,
        tolerance_unit="eV/Å",
        training_dataset=registered.trained_on,
        raw_pool=pool,
        inputs=structures,
        structures=_structures(material, trust),
        rules=lineage.rules if lineage else (),
        findings=found,
        verdict=name,
        verdict_intent=finding.intent if finding else None,
        headline=headline(name, finding, evidence),
        quotes=_quotes(evidence, name),
        changes=(drop.change,) if drop and drop.change else (),
        actions=actions(evidence, found, subject),
        contacts=evidence.setup.contacts,
        collateral=lineage.collateral if lineage else (),
        notes=trust.notes,
    )


def _quotes(evidence: Evidence, name: Verdict) -> tuple[Quote, ...]:
    """The quotes that bear on the verdict; those of refuted causes stand with their findings."""
    if name == "never_computed":
        return evidence.never_computed_quotes
    return evidence.filter.reasons if name == "filtered" and evidence.filter else ()


def _structures(material: "Material", trust: "Trust") -> tuple[StructureReport, ...]:
    from ase.data import chemical_symbols
    from ase.formula import Formula

    reports = []
    for k, frame in enumerate(material.inputs.frames):
        errors, judged = material.inputs.errors[k], trust.reliabilities[k]
        predicted = np.linalg.norm(material.inputs.evaluations[k].forces_eV_per_A, axis=1)
        worst = judged.worst_atoms if judged else _largest(errors if errors is not None else predicted)
        reports.append(
            StructureReport(
                index=k,
                formula=Formula.from_list([chemical_symbols[z] for z in frame.numbers.tolist()]).format("metal"),
                reliability=judged.p_within if judged else None,
                state=judged.state if judged else None,
                worst_atoms=worst,
                largest_predicted_force_eV_per_A=float(predicted.max()),
                true_error_eV_per_A=None if errors is None else float(errors.max()),
            )
        )
    return tuple(reports)


def _largest(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]", n: int = 3) -> tuple[int, ...]:
    return tuple(int(k) for k in np.argsort(values)[::-1][:n])


def _with_figures(
    record: Diagnosis, material: "Material", trust: "Trust", evidence: Evidence, archive: "Archive | None"
) -> Diagnosis:
    from sonde.operations.evidence.figures import figures

    return replace(record, figures=figures(material, trust, evidence, archive))
