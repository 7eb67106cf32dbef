"""Every defect that the READMEs of the shared data list in a dataset or a run is found by the audit, line by line.

Each case names the data, the alarm that has to speak, how serious it is, how many frames it counts (None: not pinned)
and words that must stand in its message. The harmless cases of the READMEs follow: there no alarm may speak.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sonde.datasets.audit import audit
from sonde.datasets.readers import read_frames
from sonde.operations.add_dataset import add_dataset
from sonde.operations.audit import audit as audit_dataset
from sonde.operations.initialise import initialise
from sonde.records.datasets import Audit

VASP, QE = "dft_outputs/nomad/vasp", "dft_outputs/aiida_qe_pw"
CR = "cr_sb2te3/data_"
ENTRIES, TASKS = "li_fe_o/Li-Fe-O.json.gz", "li_fe_o/tasks_Li_Fe_V.json.gz"
WBM = "matcalc_reference/wbm-random-pbe52-equilibrium-2025.1.json.gz"
NBMOTAW = tuple(
    f"nbmotaw/{name}.json.gz"
    for name in (
        "Mo_Elastic",
        "Nb_Elastic",
        "Ta_Elastic",
        "Mo_Surface",
        "Ta_Surface",
        "Nb_AIMD",
        "MoTa_SS",
        "NbTa_Test",
    )
)


@dataclass(frozen=True)
class Case:
    """A line of a README: where, and what the audit has to say."""

    line: str
    data: str | tuple[str, ...]
    kind: str
    severity: str
    n: int | None
    words: str
    against: str | None = None


CASES = (
    # ---- dft_outputs ----
    Case(
        "same geometry, two functionals", VASP, "contradictory_labels", "high", 2, "functional=HLE17 minus functional"
    ),
    Case("two energies in one file", VASP, "run_defects", "medium", None, "energy was added after the last electronic"),
    Case("shifted names in old vasprun.xml", VASP, "ambiguous_energy", "low", 7, "shifts the names of its energies"),
    Case(
        "two runs in one folder", f"{VASP}/AgAc_relax", "run_defects", "medium", 4, "2 runs in one folder differ in cut"
    ),
    Case(
        "GGA = --, functional not in it", VASP, "mixed_surfaces", "high", 4, "PBE in 13, HSE06 in 1, HLE17 in 1, HF in"
    ),
    Case("U rounded in OUTCAR", f"{VASP}/dftu", "rounded_u", "low", 1, "one decimal only"),
    Case("unit of U differs", f"{QE}/default_xml_230310", "run_defects", "medium", 1, "U is written in Hartree in"),
    Case("truncated vasprun.xml", VASP, "incomplete_runs", "medium", 1, "cut off before their end"),
    Case(
        "no TOTEN line, many-body run",
        f"{VASP}/alternative_pseudopotentials",
        "run_defects",
        "medium",
        1,
        "ALGO = RPAR",
    ),
    Case("no force block", f"{VASP}/dftu", "missing_labels", "medium", 2, "2 of 3 frames have no forces"),
    Case("four byte-identical OUTCARs", f"{VASP}/booleans", "duplicates", "low", 3, "3 frames repeat"),
    Case(
        "three runs in one log", "dft_outputs/nomad/quantumespresso", "run_defects", "medium", 3, "3 runs in one file"
    ),
    Case("dispersion in TiO2_opt", "dft_outputs/nomad/quantumespresso", "mixed_surfaces", "high", None, "D3 in 6"),
    Case("spin-orbit in Pt_noncol", "dft_outputs/nomad/quantumespresso", "mixed_surfaces", "high", None, "yes in 1"),
    Case("dispersion in CP2K runs", "dft_outputs/nomad/cp2k", "mixed_surfaces", "high", 2, "D3 in 1"),
    Case("aims' U energy is zero", "dft_outputs/nomad/fhiaims", "run_defects", "medium", 1, "DFT+U energy is negative"),
    Case("six not converged, JOB DONE", QE, "unconverged", "high", 9, "9 of them carry labels"),
    Case("interrupted pw.x runs", QE, "incomplete_runs", "medium", 5, "cut off"),
    Case("14 empty outputs", QE, "left_out_runs", "medium", 15, "the file is empty (14:"),
    Case("one functional, many spellings", QE, "mixed_surfaces", "high", None, "PBE in 112, PBESOL in 14, RVV10 in 1"),
    Case("energies of several kinds", "dft_outputs", "mixed_energy_kinds", "medium", 18, "sigma to 0 in 18"),
    # ---- li_fe_o ----
    Case("selective U", ENTRIES, "selective_u", "high", 311, "triggered by O in the cell, without exception"),
    Case("U on in part of the cells", ENTRIES, "mixed_surfaces", "high", None, "hubbard_u[Fe]: 5.3 in 311, none in 12"),
    Case(
        "two potentials of Li", ENTRIES, "mixed_surfaces", "high", None, "Li_sv_23Jan2001 in 189, PAW_PBE_Li_sv_10Sep"
    ),
    Case("non-spherical terms off", ENTRIES, "mixed_settings", "medium", 16, "aspherical: yes in 359, no in 16"),
    Case("raw and corrected energy", ENTRIES, "corrected_energies", "low", 332, "raw one that is taken as the label"),
    Case(
        "tasks: two potentials of Li",
        TASKS,
        "mixed_surfaces",
        "high",
        5,
        "Li_sv_23Jan2001 in 14, PAW_PBE_Li_sv_10Sep20",
    ),
    Case("tasks: smearing", TASKS, "mixed_settings", "medium", 38, "tetrahedron (Bloechl) in 88, Methfessel-Paxton 1"),
    Case("tasks: SIGMA", TASKS, "mixed_settings", "medium", 38, "smearing_width_eV: 0.05 in 85, 0.2 in 14"),
    Case(
        "tasks: four versions", TASKS, "mixed_settings", "medium", 38, "5.4.4.18Apr17-6-g9f103f2a35 in 24, 5.2.2 in 12"
    ),
    Case("tasks: EDIFF", TASKS, "mixed_tolerances", "low", None, "1e-06 to 0.0014"),
    Case("tasks: forces in 25 only", TASKS, "missing_labels", "medium", 74, "74 of 99 frames have no forces"),
    Case("tasks: kind of run", TASKS, "odd_tags", "low", None, "task_label in 61, task_type in 14, nowhere in 24"),
    # ---- nbmotaw ----
    Case("k_prod is the string NAN", NBMOTAW, "text_for_missing", "low", 11, "k_prod = 'NAN'"),
    Case("Mo_Surface without k-points", NBMOTAW, "surface_partly_stated", "low", 11, "kpoints in"),
    Case("text among numbers", NBMOTAW, "odd_tags", "low", None, "k_prod is text in 11 frames"),
    Case("tags is a plain string", NBMOTAW, "odd_tags", "low", None, "tags is a text in 11 frames, a list in"),
    Case("file and group differ in order", NBMOTAW, "odd_tags", "low", None, "(Ta-Mo in MoTa_SS.json.gz)"),
    Case("notes are missing", NBMOTAW, "odd_tags", "low", None, "notes is missing in 11"),
    Case("Strain and Strain_new", NBMOTAW, "odd_tags", "low", None, "'Strain' in 242, 'Strain_new' in 121"),
    Case("env says bulk of surfaces", NBMOTAW, "odd_tags", "low", None, "env says bulk of"),
    Case("nothing said of functional and U", NBMOTAW, "surface_unknown", "low", None, "functional in"),
    # ---- cr_sb2te3 ----
    Case("overlap valid/valid", f"{CR}Multi_T/valid.xyz.gz", "leakage", "high", 22, "22", f"{CR}600K/valid.xyz.gz"),
    Case("overlap valid/test", f"{CR}Multi_T/test.xyz.gz", "leakage", "high", 25, "25", f"{CR}600K/valid.xyz.gz"),
    Case("overlap test/valid", f"{CR}Multi_T/valid.xyz.gz", "leakage", "high", 28, "28", f"{CR}600K/test.xyz.gz"),
    Case("overlap test/test", f"{CR}Multi_T/test.xyz.gz", "leakage", "high", 18, "18", f"{CR}600K/test.xyz.gz"),
    Case("frame-random split", f"{CR}600K/test.xyz.gz", "near_leakage", "medium", 88, "Å", f"{CR}600K/valid.xyz.gz"),
    Case("short Cr-Cr contacts", f"{CR}Multi_T/test.xyz.gz", "short_contacts", "low", None, "Cr-Cr below 2.22 Å in"),
    Case("hidden groups", f"{CR}Multi_T/test.xyz.gz", "energy_groups", "low", None, "with an empty gap between them"),
    Case(
        "no path is converged", "cr_sb2te3/neb", "path_unconverged", "high", 10, "14 reaction paths are not converged"
    ),
    Case("JOB DONE, SCF failed", "cr_sb2te3/neb", "run_defects", "medium", 10, "not reached on image 6 of the path"),
    Case("no climbing image", "cr_sb2te3/neb", "run_defects", "medium", 10, "no image climbs"),
    Case(
        "image below the first", "cr_sb2te3/neb", "run_defects", "medium", 10, "image 2 lies 0.150 eV below the first"
    ),
    # ---- ni_o ----
    Case("PBE and PBE+U", "ni_o/ni_o.xyz", "mixed_surfaces", "high", 43, "none in 44, d:6.2 in 43"),
    Case("the shift is not constant", "ni_o/ni_o.xyz", "contradictory_labels", "high", 72, "not a constant shift"),
    Case("k-point density", "ni_o/ni_o.xyz", "mixed_settings", "medium", 21, "kpoint_density 1.6 in 21"),
    Case("eight without self-consistency", "ni_o/ni_o.xyz", "unconverged", "medium", 8, "8 frames did not reach self"),
    Case("their labels are missing", "ni_o/ni_o.xyz", "missing_labels", "medium", 8, "8 of 87 frames have no energy"),
    # ---- matcalc_reference ----
    Case("hidden surface: rule of U", WBM, "selective_u_possible", "low", 19, "consistent with this, not found"),
    Case("hidden surface: corrections", WBM, "corrected_energies", "low", 378, "378 of 972"),
    Case("nothing said of the level", WBM, "surface_unknown", "low", 972, "functional in 972 of 972"),
    Case(
        "bulk moduli below 1 GPa",
        "matcalc_reference/mp-binary-pbe-elasticity-2025.1.json.gz",
        "odd_elasticity",
        "medium",
        6,
        "6 bulk moduli lie below 1 GPa",
    ),
    Case(
        "shear moduli above 3 K",
        "matcalc_reference/mp-binary-pbe-elasticity-2025.1.json.gz",
        "odd_elasticity",
        "medium",
        7,
        "7 shear moduli lie above 3 times",
    ),
    Case(
        "heat capacity per cell",
        "matcalc_reference/alexandria-binary-pbe-phonon-2025.1.json.gz",
        "heat_capacity_unit",
        "medium",
        1170,
        "they are not per atom",
    ),
)

HARMLESS: tuple[tuple[str, str | tuple[str, ...], tuple[str, ...]], ...] = (
    ("zero forces by symmetry, no zero stress", NBMOTAW, ("zero_filled_forces", "zero_filled_stress")),
    ("net forces below 5e-9 eV/Å", NBMOTAW, ("net_force",)),
    ("no duplicate geometry", NBMOTAW, ("duplicates", "contradictory_labels")),
    ("16.65 eV/Å in hot crystals", ("nbmotaw/Ta_AIMD.json.gz",), ("energy_outliers", "force_unit", "force_sign")),
    ("four spellings of true in INCAR", f"{VASP}/booleans", ("mixed_surfaces", "mixed_settings")),
    ("U of INCAR and of OUTCAR", f"{VASP}/dftu/multi_parameter_no_incar", ("mixed_surfaces", "run_defects")),
    ("one relaxation in two formats", "dft_outputs/emmet_raw_vasp", ("duplicates", "contradictory_labels")),
    ("a PBE potential under r2SCAN", "dft_outputs/emmet_raw_vasp", ("mixed_surfaces", "run_defects")),
    ("OUTCAR and vasprun.xml of AlN agree", f"{VASP}/alternative_pseudopotentials/AlN", ("run_defects", "duplicates")),
    ("labels are consistent", f"{CR}600K/valid.xyz.gz", ("force_energy_mismatch", "force_sign", "force_unit")),
    ("no zero forces, no net force", f"{CR}600K/valid.xyz.gz", ("zero_filled_forces", "net_force")),
    ("no gap in the 600 K set", f"{CR}600K/valid.xyz.gz", ("energy_groups",)),
    ("no duplicate entry_id", ENTRIES, ("duplicates", "contradictory_labels")),
    ("distorted on purpose", "al_li_mg/al_li_mg.xyz", ("energy_outliers", "force_unit", "short_contacts", "odd_tags")),
    ("no energy from another code's zero", "dft_outputs", ("energy_unit", "energy_per_atom", "reference_shift")),
)


@pytest.fixture(scope="module")
def audited(shared_data: Path) -> Callable[[str | tuple[str, ...], str | None], Audit]:
    done: dict[object, Audit] = {}

    def of(data: str | tuple[str, ...], against: str | None = None) -> Audit:
        if (data, against) not in done:
            paths = (data,) if isinstance(data, str) else data
            frames = [frame for path in paths for frame in read_frames(shared_data / path)]
            other = None if against is None else read_frames(shared_data / against)
            done[data, against] = audit(frames, "data", other, "other")
        return done[data, against]

    return of


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.line)
def test_a_defect_of_the_readmes_is_found(
    case: Case, audited: Callable[[str | tuple[str, ...], str | None], Audit]
) -> None:
    alarms = [alarm for alarm in audited(case.data, case.against).alarms if alarm.kind == case.kind]
    told = [alarm for alarm in alarms if case.words in alarm.message]
    assert told, [alarm.message for alarm in alarms]
    assert told[0].severity == case.severity
    assert case.n in (None, told[0].n)
    assert told[0].what_to_do
    assert told[0].ordinals or case.kind == "selective_u_possible"


@pytest.mark.parametrize(
    ("line", "data", "silent"), HARMLESS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_the_readmes_call_harmless_stays_silent(
    line: str,
    data: str | tuple[str, ...],
    silent: tuple[str, ...],
    audited: Callable[[str | tuple[str, ...], str | None], Audit],
) -> None:
    assert {alarm.kind for alarm in audited(data, None).alarms}.isdisjoint(silent)


def test_the_same_through_the_store(shared_data: Path, tmp_path: Path) -> None:
    """`sonde add dataset` and `sonde audit` on all runs at once find what reading them finds."""
    project = initialise(tmp_path / "project")
    add_dataset(project, "runs", [shared_data / "dft_outputs"])
    stored = audit_dataset(project, "runs")
    direct = audit(read_frames(shared_data / "dft_outputs"), "runs")
    assert [(one.kind, one.severity, one.n) for one in stored.alarms] == [
        (one.kind, one.severity, one.n) for one in direct.alarms
    ]
    assert {"mixed_surfaces", "contradictory_labels", "unconverged", "left_out_runs"} <= {a.kind for a in stored.alarms}
