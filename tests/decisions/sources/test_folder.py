"""Result folders without versions: order by name, history of values, words once, tables; links and large files."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.decisions import build
from tests.operations.group import project_in

from sonde.decisions.sources import folder
from sonde.decisions.sources.snapshots import series_of
from sonde.errors import BadInput
from sonde.operations.add_source import add_source
from sonde.operations.why import Asked, why
from sonde.testing.sources import check_changes, check_source

HOUR = timedelta(hours=1)


def results(path: Path, files: dict[str, str]) -> Path:
    """Write files, each an hour later than the one before."""
    build.notes(path, files)
    for hours, name in enumerate(files):
        when = (build.BEGIN + hours * HOUR).timestamp()
        os.utime(path / name, (when, when))
    return path


ORDERED = [
    ["run_old/INCAR", "run/INCAR", "run_v2/INCAR", "run_v10/INCAR", "run_final/INCAR", "run_final_v2/INCAR"],
    ["INCAR.orig", "INCAR", "INCAR_new"],
    ["2024-05-01_fit/train.yaml", "2024-10-08_fit/train.yaml"],
    ["run_v1/a.yaml", "run_v2/a.yaml", "final/a.yaml", "final_final/a.yaml"],
    ["old/a.yaml", "v1/a.yaml", "v2/a.yaml"],
]


@pytest.mark.parametrize("names", ORDERED)
def test_versions_are_ordered_as_their_names_say(names: list[str], tmp_path: Path) -> None:
    results(tmp_path, dict.fromkeys(reversed(names), "a"))
    [series] = series_of(tmp_path, names)
    assert [version.path for version in series] == names


@pytest.mark.parametrize(
    "names",
    [
        ["run_1/INCAR", "run_2/INCAR"],
        ["Al/INCAR", "Li/INCAR", "final/INCAR"],
        ["valve/INCAR", "version/INCAR"],
        ["train.yaml", "train.json"],
    ],
)
def test_what_may_be_another_calculation_is_no_version(names: list[str], tmp_path: Path) -> None:
    results(tmp_path, dict.fromkeys(names, "a"))
    assert [len(series) for series in series_of(tmp_path, names)] == [1] * len(names)


def test_a_version_is_not_later_than_the_one_that_follows(tmp_path: Path) -> None:
    """The old one was copied last; another tells its date by its name."""
    results(tmp_path, {"run_v2/a.yaml": "", "run_v1/a.yaml": "", "b_2024-05-01.yaml": ""})
    [[dated], [first, second]] = sorted(series_of(tmp_path, ["run_v2/a.yaml", "run_v1/a.yaml", "b_2024-05-01.yaml"]),
                                        key=len)  # fmt: skip
    assert (first.path, first.time, second.time) == ("run_v1/a.yaml", build.BEGIN, build.BEGIN)
    assert dated.time == datetime(2024, 5, 1, tzinfo=UTC)


SNAPSHOTS = {
    "run/INCAR": "ENCUT = 400\nISMEAR = 0\n",
    "run/notes.md": "We begin.\n",
    "run_v2/INCAR": "ENCUT = 520  # the stress of Li needs it\nISMEAR = 0\n",
    "run_v2/notes.md": "We begin.\n\nForces of Li were off.\n",
    "run_final/INCAR": "ENCUT = 520  # the stress of Li needs it\nISMEAR = 1\n",
    "run_final/errors.csv": "system,mae_eV_per_A\nAl,0.02\nLi,0.05\n",
    "run_final/POTCAR": "  PAW_PBE Li_sv 10Sep2004\n   1.0 licensed\n   TITEL  = PAW_PBE Li_sv 10Sep2004\n",
}


def test_snapshots_are_a_history_of_values(tmp_path: Path) -> None:
    found = list(folder.changes(results(tmp_path, SNAPSHOTS)))
    of_incar = [(c.key, c.old, c.new, c.summary, c.time) for c in found if c.path == "run_final/INCAR"]
    assert of_incar == [
        ("ENCUT", None, "400", "unmarked", build.BEGIN),
        ("ISMEAR", None, "0", "unmarked", build.BEGIN),
        ("ENCUT", "400", "520", "run_v2", build.BEGIN + 2 * HOUR),
        ("ISMEAR", "0", "1", "run_final", build.BEGIN + 4 * HOUR),
    ]
    assert all(c.author is None for c in found)
    check_changes(folder.changes, tmp_path)


def test_words_that_were_copied_along_stand_once(tmp_path: Path) -> None:
    found = {p.text: p for p in folder.read(results(tmp_path, SNAPSHOTS))}
    assert {text: p.anchor for text, p in found.items()} == {
        "We begin.": "file:run/notes.md#line=1",
        "ENCUT = 520  # the stress of Li needs it": "file:run_v2/INCAR#line=1",
        "Forces of Li were off.": "file:run_v2/notes.md#line=3",
        "system,mae_eV_per_A\nAl,0.02\nLi,0.05": "file:run_final/errors.csv#line=1",
    }
    assert found["Forces of Li were off."].time == build.BEGIN + 3 * HOUR


def test_why_answers_from_a_folder(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    texts = {**SNAPSHOTS, "run_v2/notes.md": "ENCUT goes from 400 to 520 eV because the stress of Li was off.\n"}
    added = add_source(project, "folder", results(tmp_path / "results", texts))
    assert added.n_changes >= 4
    assert not any("licensed" in text for text in [*map(str, project.passages.all()), *map(str, project.changes.all())])
    answer = why(project, Asked(key="ENCUT"))
    assert answer.answered
    assert [(c.old, c.new) for c in answer.changes] == [("400", "520"), (None, "400")]
    assert answer.quotes[0].anchor == "file:run_v2/notes.md#line=1"
    again = add_source(project, "folder", tmp_path / "results")
    assert (again.n_new_passages, again.n_removed, again.n_changes) == (0, 0, added.n_changes)
    (tmp_path / "results/run_v2/notes.md").unlink()
    assert add_source(project, "folder", tmp_path / "results").n_removed == 1


def test_tables_are_cut_into_lines_and_large_ones_are_data(tmp_path: Path) -> None:
    rows = [f"{number},{0.1 * number:.1f}" for number in range(45)]
    results(tmp_path, {"a.csv": "\n".join(rows), "b.tsv": "1\t2\n" * 1000, "c.csv": "1,2\n" * 800_000})
    found = list(folder.read(tmp_path))
    assert [p.anchor for p in found] == [f"file:a.csv#line={line}" for line in (1, 21, 41)]
    assert "\n".join(p.text for p in found).split("\n") == rows


def test_links_hidden_and_binary_files_are_left_out(tmp_path: Path) -> None:
    results(tmp_path, {"secret.md": "outside\n", "a/notes.md": "inside\n", "a/.git/x.md": "hidden\n"})
    (tmp_path / "a" / "link.md").symlink_to(tmp_path / "secret.md")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "x.yaml").write_bytes(b"a: \0")
    (tmp_path / "a" / "old.txt").write_bytes("Höchstens 15 eV/Å\n".encode("latin-1"))
    assert [p.text for p in folder.read(tmp_path / "a")] == ["inside", "Höchstens 15 eV/Å"]


def test_what_is_no_folder_of_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not a folder"):
        list(folder.read(tmp_path / "nowhere"))
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    for reader in (folder.read, folder.changes):
        with pytest.raises(BadInput, match="holds no settings, notes or tables"):
            list(reader(tmp_path))


PARTS = st.sampled_from(["run", "run_v2", "final", "old", "2024-10-08", "v1", "run (copy)", "ä b", "x#y"])
FILES = st.sampled_from(["INCAR", "a.yaml", "a_v2.yaml", "README", "t.csv", "n.md"])
CONTENT = st.sampled_from(["ENCUT = 520 # because of Li\n", "a: 1\n", "a: [", "", "a: 2 # not so\n", "\udc80", "1,2\n"])


@given(st.dictionaries(st.tuples(PARTS, FILES), CONTENT, max_size=8))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_lies_in_a_folder_keeps_the_laws(tmp_path: Path, files: dict[tuple[str, str], str]) -> None:
    base = tmp_path / str(len(list(tmp_path.iterdir())))
    for (part, name), text in {**files, ("always", "a.yaml"): "b: 1  # because of it\n"}.items():
        (base / part).mkdir(parents=True, exist_ok=True)
        (base / part / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    check_source(folder.read, base)
    check_changes(folder.changes, base)
