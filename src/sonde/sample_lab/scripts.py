"""The files of the laboratory's repository: filter script, its settings, DFT and training settings."""

import json
from collections.abc import Mapping
from pathlib import Path

from sonde.sample_lab.plan import Format, LabPlan

READERS: Mapping[Format, tuple[str, str]] = {
    "yaml": ("import yaml\n", 'yaml.safe_load(SETTINGS.read_text())["filters"]'),
    "toml": ("import tomllib\n", 'tomllib.loads(SETTINGS.read_text())["filters"]'),
    "json": ("import json\n", 'json.loads(SETTINGS.read_text())["filters"]'),
    "python": ("", ""),
}
CONTACT_IMPORTS = "from ase.data import covalent_radii\n"
MATSCIPY_IMPORT = "from matscipy.neighbours import neighbour_list\n"


def script_text(plan: LabPlan, place: str, *, limit: float | None, version: int, counts: bool) -> str:
    """Write the filter script as it stands at one commit.

    Parameters
    ----------
    place : path of the script in the repository, from which it finds its settings.
    limit : threshold in the criterion's unit; None: the script has no cut yet.
    version : of the training dataset, kept in the script where it holds its own settings.
    counts : the later form, which says how many frames it kept.
    """
    form = plan.layout.settings_format
    own = form == "python"
    reader, load = READERS[form]
    contact = plan.rule.feature == "closest_contact_ratio" and limit is not None
    parts = [
        f'"""Select training frames from the raw pool.\n\nUsage: python {place} RAW.xyz TRAINING.xyz\n"""\n\n',
        ("import json\n" if form == "json" else "") + "import sys\n" + ("import tomllib\n" if form == "toml" else ""),
        "" if own else "from pathlib import Path\n",
        "\nimport numpy as np\n" if limit is not None else "\n",
        reader if form == "yaml" else "",
        CONTACT_IMPORTS if contact else "",
        "from ase.io import iread, write\n" + (MATSCIPY_IMPORT if contact else "") + "\n",
        _constants(plan, limit, version)
        if own
        else f'SETTINGS = Path(__file__).resolve().parent / "{_relative(plan, place)}"\n',
        f"\n\n{plan.rule.criterion.source}" if limit is not None else "",
        "\n\n" + _select_text(plan, load, limit is not None, counts),
        '\n\nif __name__ == "__main__":\n    select(sys.argv[1], sys.argv[2])\n',
    ]
    return "".join(parts)


def _relative(plan: LabPlan, place: str) -> str:
    up = "../" * len(Path(place).parent.parts)
    settings = Path(plan.layout.settings)
    return settings.name if settings.parent == Path(place).parent else up + plan.layout.settings


def _select_text(plan: LabPlan, load: str, with_cut: bool, counts: bool) -> str:
    own = plan.layout.settings_format == "python"
    converged = "REQUIRE_CONVERGED" if own else 'settings["require_converged"]'
    limit = plan.rule.key.upper() if own else f'settings["{plan.rule.key}"]'
    factor = f" * {plan.rule.file_factor:g}" if plan.rule.file_factor != 1 else ""
    op = plan.rule.criterion.op
    lines = ["def select(raw, out):"]
    lines += [] if own else [f"    settings = {load}"]
    lines += ["    kept = []", "    n = 0"] if counts else ["    kept = []"]
    lines += ["    for atoms in iread(raw):"] + (["        n += 1"] if counts else [])
    lines += [f'        if {converged} and not atoms.info.get("scf_converged", True):', "            continue"]
    lines += [f"        if measure(atoms){factor} {op} {limit}:", "            continue"] if with_cut else []
    lines += ["        kept.append(atoms)", '    write(out, kept, format="extxyz")']
    lines += ['    print(f"kept {len(kept)} of {n} frames")'] if counts else []
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:.1f}" if value == int(value) and value < 1000 else f"{value:g}"


def limit_text(plan: LabPlan, limit: float) -> str:
    """Write a threshold as the configuration holds it, in the file's unit."""
    return _number(limit * plan.rule.file_factor)


def _constants(plan: LabPlan, limit: float | None, version: int) -> str:
    unit = f"  # {plan.rule.file_unit}" if plan.rule.file_unit else ""
    lines = [f"VERSION = {version}", "REQUIRE_CONVERGED = True", f'OUTPUT = "train_v{version}.xyz"']
    if limit is not None:
        lines.insert(1, f"{plan.rule.key.upper()} = {limit_text(plan, limit)}{unit}")
    return "\n".join(lines) + "\n"


def settings_text(plan: LabPlan, *, limit: float | None, version: int, remark: str) -> str:
    """Write the filter settings in the plan's format; `remark` stands behind the unit where the format has comments."""
    key, unit = plan.rule.key, plan.rule.file_unit
    value = None if limit is None else limit_text(plan, limit)
    comment = "  # " + ", ".join(word for word in (unit, remark) if word) if unit or remark else ""
    match plan.layout.settings_format:
        case "yaml":
            cut = f"  {key}: {value}{comment}\n" if value else ""
            return f"version: {version}\nfilters:\n{cut}  require_converged: true\noutput: train_v{version}.xyz\n"
        case "toml":
            cut = f"{key} = {value}{comment}\n" if value else ""
            head = f'version = {version}\noutput = "train_v{version}.xyz"\n'
            return f"{head}\n[filters]\n{cut}require_converged = true\n"
        case "json":
            filters = {key: float(value)} if value else {}
            record = {
                "version": version,
                "filters": {**filters, "require_converged": True},
                "output": f"train_v{version}.xyz",
            }
            return json.dumps(record, indent=2) + "\n"
        case _:
            return ""


def mapping_text(values: Mapping[str, object], head: str) -> str:
    """Write flat settings as YAML under a line of comment."""
    return f"# {head}\n" + "".join(f"{key}: {value}\n" for key, value in values.items())


RUN_SCRIPT = '''"""Single points for a batch of cells. Usage: python run_gpaw.py CELLS.xyz OUT.xyz"""

import sys
from pathlib import Path

import yaml
from ase.io import iread, write
from gpaw import GPAW, PW, FermiDirac

s = yaml.safe_load((Path(__file__).parent / "{settings}").read_text())
for atoms in iread(sys.argv[1]):
    atoms.calc = GPAW(
        mode=PW(s["ecut_eV"]),
        xc=s["xc"],
        kpts={{"density": s["kpoint_density"], "gamma": True}},
        occupations=FermiDirac(s["smearing_eV"]),
        txt=None,
    )
    atoms.get_potential_energy(force_consistent=True)
    atoms.get_stress()
    write(sys.argv[2], atoms, format="extxyz", append=True)
'''
SUBMIT = """#!/bin/bash
#SBATCH --job-name=allimg
#SBATCH --partition={partition}
#SBATCH --time={hours}:00:00
mace_run_train --config {train}
"""
PARITY = '''"""Parity plot of forces. Usage: python parity.py PREDICTED.xyz"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from ase.io import read

frames = read(sys.argv[1], ":")
label = np.concatenate([a.arrays["REF_forces"].ravel() for a in frames])
model = np.concatenate([a.arrays["MACE_forces"].ravel() for a in frames])
plt.plot(label, model, ".", ms=2, color="{colour}")
plt.xlabel("DFT force / eV/Å")
plt.ylabel("MACE force / eV/Å")
plt.savefig("parity.pdf")
'''
