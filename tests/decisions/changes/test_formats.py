"""Values of each format with key, text, unit and line; texts that are no settings are told apart."""

import json
import re
from pathlib import Path

import pytest

from sonde.decisions.changes import (
    aims_input,
    dft_inputs,
    incar,
    ini_values,
    json_values,
    kpoints,
    potcar,
    python_literals,
    shell_values,
    toml_values,
    yaml_values,
)
from sonde.decisions.changes.formats import FormatName, differing_values, format_of, values_of
from sonde.decisions.changes.units import split_unit, unit_of_comment, unit_of_key
from sonde.decisions.changes.values import Unreadable, Value, differences


def facts(values: object) -> list[tuple[str, str, str | None, int]]:
    assert not isinstance(values, str)
    return [(v.key, v.text, v.unit, v.line) for v in values]  # type: ignore[attr-defined]


def test_yaml() -> None:
    text = """base: &base
  lr: 1e-3
filters:
  max_force: 15.0  # eV/Å
  cutoff: 520 eV
  elements: [Al, Li]
  on: yes
stages:
  - name: relax
    <<: *base
    fmax_eV_per_A: 0.02
  - name: md
    steps: null
grid: [[1, 2], [3, 4]]
"""
    assert facts(yaml_values.values(text)) == [
        ("base.lr", "1e-3", None, 2),
        ("filters.max_force", "15.0", "eV/Å", 4),
        ("filters.cutoff", "520", "eV", 5),
        ("filters.elements", "[Al, Li]", None, 6),
        ("filters.on", "yes", None, 7),
        ("stages.relax.lr", "1e-3", None, 2),
        ("stages.relax.name", "relax", None, 9),
        ("stages.relax.fmax_eV_per_A", "0.02", "eV/Å", 11),
        ("stages.md.name", "md", None, 12),
        ("stages.md.steps", "null", None, 13),
        ("grid.0", "[1, 2]", None, 14),
        ("grid.1", "[3, 4]", None, 14),
    ]


def test_yaml_with_several_documents_and_odd_tags() -> None:
    assert facts(yaml_values.values("a: 1\n---\na: !!python/object/apply:os.system [ls]\n")) == [
        ("0.a", "1", None, 1),
        ("1.a", "[ls]", None, 3),
    ]
    assert list(yaml_values.values("")) == []


def test_json_is_read_with_lines_and_tabs() -> None:
    text = json.dumps({"filters": {"max_force": 15.0, "note": "a\tb: #c"}, "on": True, "z": None}, indent="\t")
    assert facts(json_values.values(text)) == [
        ("filters.max_force", "15.0", None, 3),
        ("filters.note", "a\tb: #c", None, 4),
        ("on", "true", None, 6),
        ("z", "null", None, 7),
    ]


def test_toml() -> None:
    text = """title = "lab"  # a name
[filters]
max_force = 15.0  # in eV/Å
"odd key" = 3
limits = {low = 1, high = 2}
[[stages]]
name = "relax"
fmax_eV_A = 0.02
[[stages]]
name = "md"
on = true
[a.b]
elements = ["Al", "Li"]
"""
    assert facts(toml_values.values(text)) == [
        ("title", "lab", None, 1),
        ("filters.max_force", "15.0", "eV/Å", 3),
        ("filters.odd key", "3", None, 4),
        ("filters.limits.low", "1", None, 5),
        ("filters.limits.high", "2", None, 5),
        ("stages.relax.name", "relax", None, 7),
        ("stages.relax.fmax_eV_A", "0.02", "eV/Å", 8),
        ("stages.md.name", "md", None, 10),
        ("stages.md.on", "true", None, 11),
        ("a.b.elements", "[Al, Li]", None, 13),
    ]


def test_incar() -> None:
    text = "SYSTEM = Al Li ! test\nencut = 520 ; ISMEAR = 1 # fine\nEDIFFG = -0.02\n"
    text += "MAGMOM = 1 \\\n  2\nENCUT = 300\nSIGMA=.1\n"
    assert facts(incar.values(text)) == [
        ("SYSTEM", "Al Li", None, 1),
        ("ENCUT", "520", "eV", 2),
        ("ISMEAR", "1", None, 2),
        ("EDIFFG", "-0.02", "eV/Å", 3),
        ("MAGMOM", "1 2", None, 4),
        ("SIGMA", ".1", "eV", 7),
    ]
    assert facts(incar.values("EDIFFG = 1E-3")) == [("EDIFFG", "1E-3", "eV", 1)]


def test_ini() -> None:
    text = """; lab settings
[filters]
max_force = 15.0  ; eV/Å
cutoff: 520 eV
[train.opt]
lr=1e-3
long = a
  b
switch
"""
    assert facts(ini_values.values(text)) == [
        ("filters.max_force", "15.0", "eV/Å", 3),
        ("filters.cutoff", "520", "eV", 4),
        ("train.opt.lr", "1e-3", None, 6),
        ("train.opt.long", "a b", None, 7),
    ]


def test_kpoints() -> None:
    assert facts(kpoints.values("k-mesh 7\n0\nMonkhorst-Pack\n 7 7  5 ! dense\n0 0 0.5\n")) == [
        ("KPOINTS.style", "Monkhorst-Pack", None, 3),
        ("KPOINTS.mesh", "7 7 5", None, 4),
        ("KPOINTS.shift", "0 0 0.5", None, 5),
    ]
    assert facts(kpoints.values("auto\n0\nAuto\n25\n"))[1] == ("KPOINTS.length", "25", "Å", 4)
    assert facts(kpoints.values("path\n40\nLine-mode\nreciprocal\n0 0 0\n"))[1] == ("KPOINTS.n_points", "40", None, 2)


def test_potcar_keeps_titles_and_hashes_only() -> None:
    body = " PAW_PBE {} \n 10.0\n parameters\n   TITEL  = PAW_PBE {}\n secret numbers 1.5\n"
    text = "".join(body.format(name, name) + " End of Dataset\n" for name in ("Ni_pv 06Sep2000", "O 08Apr2002"))
    found = facts(potcar.values(text))
    assert [(key, text_) for key, text_, _, _ in found if not key.endswith("sha256")] == [
        ("POTCAR.Ni", "PAW_PBE Ni_pv 06Sep2000"),
        ("POTCAR.O", "PAW_PBE O 08Apr2002"),
    ]
    assert [line for *_, line in found] == [4, 4, 10, 10]
    assert "secret" not in str(found)
    changed = {key: value for key, value, *_ in facts(potcar.values(text.replace("1.5", "1.6")))}
    assert changed["POTCAR.O"] == "PAW_PBE O 08Apr2002"
    assert changed["POTCAR.O.sha256"] not in {value for _, value, *_ in found}


SHELL = """#!/bin/bash
#SBATCH --time=24:00:00 --gres=gpu:2
#SBATCH -N 4
export OMP_NUM_THREADS=4; CUTOFF=6.0  # in Å
module load vasp/6.3
cat > INCAR << EOF
ENCUT = 520
EOF
srun -n 4 mace_run_train \\
    --name="al li" --r_max=6.0 \\
    --max-num-epochs 200 --amsgrad && echo done --seed=3
python -u scripts/train.py lr=0.01 --betas 0.9 0.99 | tee log
python -m nequip.train --config x.yaml
don't parse this
"""


def test_shell_and_batch_scripts() -> None:
    assert facts(shell_values.values(SHELL)) == [
        ("SBATCH.time", "24:00:00", None, 2),
        ("SBATCH.gres", "gpu:2", None, 2),
        ("SBATCH.N", "4", None, 3),
        ("OMP_NUM_THREADS", "4", None, 4),
        ("CUTOFF", "6.0", "Å", 4),
        ("mace_run_train.name", "al li", None, 9),
        ("mace_run_train.r_max", "6.0", None, 9),
        ("mace_run_train.max_num_epochs", "200", None, 9),
        ("mace_run_train.amsgrad", "True", None, 9),
        ("train.lr", "0.01", None, 12),
        ("train.betas", "0.9 0.99", None, 12),
        ("nequip.train.config", "x.yaml", None, 13),
    ]


def test_quantum_espresso() -> None:
    text = """&CONTROL calculation = 'relax', forc_conv_thr = 1.0d-3 /
&system
  ecutwfc = 60.0 ! converged
  Hubbard_U(1) = 6.2, degauss=0.01
/
ATOMIC_SPECIES
 Ni 58.69 Ni.pbe-n.UPF
K_POINTS automatic
 4 4 4 1 1 1
ATOMIC_POSITIONS {angstrom}
 Ni 0.0 0.0 0.0
HUBBARD {ortho-atomic}
U Ni-3d 6.2
"""
    assert facts(dft_inputs.values(text)) == [
        ("control.calculation", "relax", None, 1),
        ("control.forc_conv_thr", "1.0e-3", "Ry/bohr", 1),
        ("system.ecutwfc", "60.0", "Ry", 3),
        ("system.hubbard_u(1)", "6.2", "eV", 4),
        ("system.degauss", "0.01", "Ry", 4),
        ("ATOMIC_SPECIES.Ni", "Ni.pbe-n.UPF", None, 7),
        ("K_POINTS.mode", "automatic", None, 8),
        ("K_POINTS.mesh", "4 4 4", None, 9),
        ("K_POINTS.shift", "1 1 1", None, 9),
        ("HUBBARD.U.Ni-3d", "6.2", "eV", 13),
    ]


def test_cp2k() -> None:
    text = """&GLOBAL
  PROJECT ni ! name
&END GLOBAL
&FORCE_EVAL
  &DFT
    &MGRID
      CUTOFF [eV] 5000
      REL_CUTOFF 60
    &END MGRID
    &XC
      &XC_FUNCTIONAL PBE
      &END XC_FUNCTIONAL
    &END
  &END DFT
  &SUBSYS
    &COORD
      Ni 0 0 0
    &END COORD
    &KIND Ni
      BASIS_SET DZVP-MOLOPT-SR-GTH
    &END KIND
  &END SUBSYS
&END FORCE_EVAL
"""
    assert facts(dft_inputs.values(text)) == [
        ("GLOBAL.PROJECT", "ni", None, 2),
        ("FORCE_EVAL.DFT.MGRID.CUTOFF", "5000", "eV", 7),
        ("FORCE_EVAL.DFT.MGRID.REL_CUTOFF", "60", "Ry", 8),
        ("FORCE_EVAL.DFT.XC.XC_FUNCTIONAL", "PBE", None, 11),
        ("FORCE_EVAL.SUBSYS.KIND.Ni.BASIS_SET", "DZVP-MOLOPT-SR-GTH", None, 20),
    ]


def test_fhi_aims_and_lammps() -> None:
    aims = "# PBE run\nxc pbe\nk_grid 4 4 4\nrelax_geometry bfgs 5e-3\nspecies Ni\n  cut_pot 4.0 2.0 1.0\n"
    assert facts(aims_input.values(aims)) == [
        ("xc", "pbe", None, 2),
        ("k_grid", "4 4 4", None, 3),
        ("relax_geometry", "bfgs 5e-3", "eV/Å", 4),
        ("species.Ni.cut_pot", "4.0 2.0 1.0", None, 6),
    ]
    lammps = (
        "units metal\npair_style mace &\n no_domain_decomposition # fast\nfix 1 all nvt temp 300 300 0.1\nprint hello\n"
    )
    assert facts(dft_inputs.values(lammps)) == [
        ("units", "metal", None, 1),
        ("pair_style", "mace no_domain_decomposition", None, 2),
        ("fix.1", "all nvt temp 300 300 0.1", None, 4),
    ]


PYTHON = '''"""Docs."""
FORCE_MAX = 15.0  # eV/Å
A, B = 1, -2.5
CONFIG = {"filters": {"max_force": 15, "elements": ["Al", "Li"]}}
class Filter:
    fmax_eV_per_A: float = field(default=1e-2)
    def __init__(self, limit=3, *, functional="PBE"):
        self.limit = limit
        self.steps = 5
parser.add_argument("-f", "--max-force", type=float, default=15.0, help="limit 7")
def select(frames, fmax=30.0 * units.eV / units.Ang):
    calc = Vasp(encut=520, xc="PBE", lreal=False)
    config["cell"]["k"] = 4
    keep = [f for f in frames if np.abs(f.get_forces()).max() > 15.0 and f.info["energy"] <= -3.5]
    if np.linalg.norm(forces, axis=1).max() >= 20.: pass
    if n == 30 or name == 'x': pass
    assert len(frames) < 7.5 and energy > 8.5
    if 0.5 < distance < 3.0 or len(frames) > 10 or n == 0 or 7.5 > max(x): pass
'''


def test_python() -> None:
    found = {(v.key, v.sign): (v.text, v.unit, v.line) for v in python_literals.values(PYTHON)}
    assert found == {
        ("FORCE_MAX", None): ("15.0", "eV/Å", 2),
        ("A", None): ("1", None, 3),
        ("B", None): ("-2.5", None, 3),
        ("CONFIG.filters.max_force", None): ("15", None, 4),
        ("CONFIG.filters.elements", None): ("['Al', 'Li']", None, 4),
        ("Filter.fmax_eV_per_A", None): ("1e-2", "eV/Å", 6),
        ("Filter.__init__.limit", None): ("3", None, 7),
        ("Filter.__init__.functional", None): ("PBE", None, 7),
        ("Filter.__init__.steps", None): ("5", None, 9),
        ("max_force", None): ("15.0", None, 10),
        ("select.fmax", None): ("30.0", "eV/Å", 11),
        ("select.Vasp.encut", None): ("520", None, 12),
        ("select.Vasp.xc", None): ("PBE", None, 12),
        ("select.Vasp.lreal", None): ("False", None, 12),
        ("select.config.cell.k", None): ("4", None, 13),
        ("select.max_force", ">"): ("15.0", None, 14),
        ("select.energy", "<="): ("-3.5", None, 14),
        ("select.max_force", ">="): ("20.", None, 15),
        ("select.distance", ">"): ("0.5", None, 18),
        ("select.distance", "<"): ("3.0", None, 18),
        ("select.max_x", "<"): ("7.5", None, 18),
    }


BROKEN: dict[FormatName, list[str]] = {
    "yaml": ["a: [1", "a: b: c", "- \t@x", "a: " + "[" * 60 + "]" * 60],
    "json": ["{", "{'a': 1}", "[" * 100_000],
    "toml": ["a =", "[a", "a = 1\na = 2"],
    "incar": ["no tags here"],
    "ini": ["no section = 1", "[a\nb=1", "BEGIN_CFG\n Size\n 2\nEND_CFG"],
    "kpoints": ["", "a\nb\nc", "mesh\n0\nGamma\n", "mesh\n0\n"],
    "potcar": ["a list of potentials"],
    "dft_input": ["just words", "&FORCE_EVAL\n&DFT\n&END", "&END\n&GLOBAL\n&END"],
    "aims": ["words"],
    "shell": ["\0ELF"],
    "python": ["print 'python 2'", "def f(:", "x = (" * 300, "a\0b", "x = " + "-" * 5000 + "1"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in BROKEN.items() for text in texts])
def test_broken_versions_are_told(kind: FormatName, text: str) -> None:
    with pytest.raises(Unreadable, match=r"."):
        values_of(kind, text)


def test_an_alias_bomb_and_a_data_file_are_told_early() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(Unreadable, match="data, not settings"):
        values_of("yaml", bomb)
    with pytest.raises(Unreadable, match="data, not settings"):
        values_of("json", json.dumps({str(n): n for n in range(5000)}))


def test_formats_are_known_by_name() -> None:
    names = {"a.yaml": "yaml", "b/c.YML": "yaml", "x/INCAR": "incar", "INCAR.relax": "incar", "run.py": "python"}
    names |= {"p.toml": "toml", "p.json": "json", "p.ini": "ini", "KPOINTS.relax": "kpoints", "a/POTCAR": "potcar"}
    names |= {"relax.pwi": "dft_input", "in.lammps": "dft_input", "x/control.in": "aims", "job.slurm": "shell"}
    assert {name: format_of(name) for name in names} == names
    others = ["a.xyz", "INCARNATION.txt", "package-lock.json", "conda-lock.yml", "Makefile", "geometry.in", "a.ipynb"]
    assert [format_of(name) for name in others] == [None] * len(others)


@pytest.mark.parametrize(
    ("key", "unit"),
    [
        ("filters.max_force_eV_per_A", "eV/Å"),
        ("FORCE_MAX_EV_A", "eV/Å"),
        ("max_force_ev_per_angstrom", "eV/Å"),
        ("offset_meV_per_atom", "meV/atom"),
        ("cutoff_A", "Å"),
        ("pressure_GPa", "GPa"),
        ("temperature_K", "K"),
        ("volume_A3", "Å³"),
        ("option_A", None),
        ("max_force", None),
        ("plan_a", None),
        ("eV", None),
    ],
)
def test_units_in_keys(key: str, unit: str | None) -> None:
    assert unit_of_key(key) == unit


@pytest.mark.parametrize(
    ("comment", "unit"),
    [
        (" eV/Å, spikes above", "eV/Å"),
        (" limit [eV / Ang]", "eV/Å"),
        (" in eV per angstrom", "eV/Å"),
        (" (meV/atom)", "meV/atom"),
        (" K", "K"),
        (" A new limit", None),
        (" see K. et al.", None),
        (" was in A mess", None),
    ],
)
def test_units_in_comments(comment: str, unit: str | None) -> None:
    assert unit_of_comment(comment) == unit


def test_units_beside_the_value() -> None:
    assert split_unit("15 eV/Å") == ("15", "eV/Å")
    assert split_unit("1e-3 Ry/bohr") == ("1e-3", "Ry/bohr")
    assert split_unit("3 stages") == ("3 stages", None)
    assert split_unit("PBE") == ("PBE", None)


def test_a_module_is_cut_into_its_outermost_statements() -> None:
    text = '"""Docs\nFMAX = 1\n"""\nA = [\n  1,\n]\n@dec\ndef f():\n    pass\n\n'
    text += "if x:\n    B = 2\nelse:\n    B = 3\n# end\n"
    cut = list(python_literals.sections(text))
    assert "".join(part for _, part in cut) == text
    assert [line for line, _ in cut] == [1, 4, 7, 11]


def test_long_modules_give_the_same_changes_by_parts_as_whole() -> None:
    root = Path(__file__).parents[3] / "src" / "sonde"
    for path in sorted(root.rglob("*.py"))[::4]:
        old = path.read_text()
        new = re.sub(r"\b3\b", "4", old.replace("def _", "def __", 2))
        whole = differences(values_of("python", old), values_of("python", new))
        assert differences(*differing_values("python", old, new)) == whole, path


def test_shipped_settings_parse() -> None:
    root = Path(__file__).parents[3]
    found = values_of("toml", (root / "pyproject.toml").read_text())
    lines = (root / "pyproject.toml").read_text().split("\n")
    wanted = {value.key: value for value in found}
    assert wanted["tool.ruff.line-length"] == Value(
        "tool.ruff.line-length", "120", None, lines.index("line-length = 120") + 1
    )
