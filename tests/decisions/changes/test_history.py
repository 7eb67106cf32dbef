"""Changes of values through history: what changed and what only looks so."""

from pathlib import Path

import pytest
from tests.decisions import build

from sonde.decisions.changes.values import Value, differences
from sonde.decisions.sources import git
from sonde.records.decisions import Change

Told = tuple[str, str | None, str | None]


def told(path: Path) -> list[Told]:
    return [(change.key, change.old, change.new) for change in git.changes(path)]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    return build.repository(tmp_path / "lab")


def test_a_change_carries_its_commit_and_place(lab: Path) -> None:
    build.commit(lab, {"cfg/f.yaml": "filters:\n  max_force: 30.0  # eV/Å\n"}, "Start")
    made = build.commit(lab, {"cfg/f.yaml": "a: 1\nfilters:\n  max_force: 15.0  # eV/Å\n"}, "Lower\n\nbody", hours=1)
    found = {change.key: change for change in git.changes(lab) if change.commit == made}
    assert found["filters.max_force"] == Change(
        key="filters.max_force",
        old="30.0",
        new="15.0",
        unit="eV/Å",
        commit=made,
        path="cfg/f.yaml",
        line=3,
        author="Mira Halvorsen",
        time=build.BEGIN.replace(hour=10),
        summary="Lower",
    )


def test_values_come_change_and_go(lab: Path) -> None:
    for hours, text in enumerate(["a: 1\n", "a: 1.0\n", "a: 2\nb: x\n", "b: x\n"]):
        build.commit(lab, {"f.yaml": text}, str(hours), hours=hours)
    build.commit(lab, {"f.yaml": None}, "gone", hours=9)
    assert told(lab) == [("a", None, "1"), ("a", "1.0", "2"), ("b", None, "x"), ("a", "2", None), ("b", "x", None)]


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("INCAR", "ENCUT = 400\n", "ENCUT = 520\n", ("ENCUT", "400", "520")),
        ("a.toml", "[f]\nx = 1\n", "[f]\nx = 2\n", ("f.x", "1", "2")),
        ("a.json", '{"f": {"x": 1}}', '{"f": {"x": 2}}', ("f.x", "1", "2")),
        ("a.py", "FMAX = 30.0\n", "FMAX = 15.0\n", ("FMAX", "30.0", "15.0")),
        ("a.py", "if fmax > 30: pass", "if fmax > 15: pass", ("fmax", "30", "15")),
        ("a.py", "if fmax > 15: pass", "if fmax >= 15: pass", ("fmax", "> 15", ">= 15")),
        ("a.py", "ok = np.abs(f).max() > 3.0", "ok = np.abs(f).max() > 5.0", ("max_f", "3.0", "5.0")),
        ("a.py", "def f(fmax=1.5): pass", "def g(fmax=2.5): pass", ("g.fmax", "1.5", "2.5")),
        ("a.yaml", "x: 15 eV/Å\n", "x: 15 meV/Å\n", ("x", "15 eV/Å", "15 meV/Å")),
        ("a.yaml", "x: 5\n", "x: 6  # GPa\n", ("x", "5", "6 GPa")),
    ],
)
def test_one_change_is_told_in_every_format(name: str, old: str, new: str, expected: Told, lab: Path) -> None:
    build.commit(lab, {name: old}, "a")
    made = build.commit(lab, {name: new}, "b", hours=1)
    found = [(c.key, c.old, c.new) for c in git.changes(lab) if c.commit == made]
    assert found == [expected]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a.yaml", "a: 1\nb: 2\n", "# words\nb: 2\n\na:   1.0\n"),
        ("a.py", "FMAX = 15.0\n", '"""Docs."""\nimport os\nFMAX = 15.00  # note\n'),
        ("a.py", "def f(fmax=1.5): pass", "def g(fmax=1.5): pass"),
        ("a.yaml", "s:\n- {name: a, x: 1}\n- {name: b, x: 2}\n", "s:\n- {name: b, x: 2}\n- {name: a, x: 1}\n"),
    ],
)
def test_what_is_no_change_is_not_told(name: str, old: str, new: str, lab: Path) -> None:
    build.commit(lab, {name: old}, "a")
    made = build.commit(lab, {name: new}, "b", hours=1)
    assert [c for c in git.changes(lab) if c.commit == made] == []


def test_a_file_that_only_moved_changes_nothing(lab: Path) -> None:
    build.commit(lab, {"a.yaml": "x: 1\n"}, "a")
    build.commit(lab, {"a.yaml": None, "b/c.yaml": "x: 1\n"}, "b", hours=1)
    assert told(lab) == [("x", None, "1")]


def test_a_file_that_moved_and_changed_is_compared(lab: Path) -> None:
    build.commit(lab, {"a.yaml": "x: 1\ny: 2\nz: 3\n", "other.yaml": "q: 1\n"}, "a")
    made = build.commit(lab, {"a.yaml": None, "b.yaml": "x: 1\ny: 5\nz: 3\n", "other.yaml": None}, "b", hours=1)
    found = [(c.path, c.key, c.old, c.new) for c in git.changes(lab) if c.commit == made]
    assert found == [("b.yaml", "y", "2", "5"), ("other.yaml", "q", "1", None)]


def test_a_broken_version_hides_no_change(lab: Path) -> None:
    for hours, text in enumerate(["x: 30\n", "x: [30\n", "x: 15\n"]):
        build.commit(lab, {"a.yaml": text}, str(hours), hours=hours)
    assert told(lab) == [("x", None, "30"), ("x", "30", "15")]


def test_branches_tell_their_changes_once(lab: Path) -> None:
    build.commit(lab, {"a.yaml": "x: 1\n", "b.yaml": "y: 1\n"}, "a")
    build.git(lab, "checkout", "--quiet", "-b", "side")
    build.commit(lab, {"a.yaml": "x: 2\n"}, "side", hours=1)
    build.git(lab, "checkout", "--quiet", "main")
    build.commit(lab, {"b.yaml": "y: 2\n"}, "main", hours=2)
    build.git(lab, "merge", "--quiet", "--no-ff", "--message", "join", "side")
    expected = [("x", None, "1"), ("y", None, "1"), ("x", "1", "2"), ("y", "1", "2")]
    assert sorted(told(lab), key=str) == sorted(expected, key=str)
    assert "join" in [p.text for p in git.read(lab)]


def test_links_and_submodules_are_no_files(lab: Path) -> None:
    (lab / "a.yaml").symlink_to("/etc/hostname")
    build.commit(lab, {"b.yaml": "x: 1\n"}, "a")
    assert told(lab) == [("x", None, "1")]


def test_a_key_that_stands_twice_is_a_multiset() -> None:
    def limits(*texts: str) -> list[Value]:
        return [Value("fmax", text, None, line, ">") for line, text in enumerate(texts, start=1)]

    assert differences(limits("1", "2"), limits("2", "1")) == []
    [found] = differences(limits("1", "2", "3"), limits("1", "5", "3"))
    assert (found.old, found.new) == (limits("0", "2")[1], limits("0", "5")[1])
