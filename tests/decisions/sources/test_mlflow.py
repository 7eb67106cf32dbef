"""MLflow: notes of the folder and of the database, with the values beside them; stores that cannot be read."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.decisions import build

from sonde.decisions.sources import mlflow
from sonde.errors import BadInput
from sonde.records.decisions import Passage
from sonde.testing.sources import check_source

STARTED, ENDED = 1_728_378_000_000, 1_728_381_600_000
TOLD = datetime(2024, 10, 8, 10, 0, tzinfo=UTC)
NOTE = "520 eV, because Li needs it.\n\nNext: r2SCAN."
TABLES = """
CREATE TABLE experiments (experiment_id INTEGER, name TEXT, lifecycle_stage TEXT, last_update_time BIGINT);
CREATE TABLE experiment_tags (key TEXT, value TEXT, experiment_id INTEGER);
CREATE TABLE runs (run_uuid TEXT, name TEXT, user_id TEXT, lifecycle_stage TEXT, start_time BIGINT, end_time BIGINT,
 experiment_id INTEGER);
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE latest_metrics (key TEXT, value DOUBLE, run_uuid TEXT);
"""


def run_files(name: str, stage: str = "active", note: str | None = NOTE) -> dict[str, str]:
    """Files of one run as `mlflow.start_run` writes them."""
    meta = f"run_name: named\nuser_id: mira\nlifecycle_stage: {stage}\nstart_time: {STARTED}\nend_time: {ENDED}\n"
    files = {"meta.yaml": meta, "params/r_max": "6.0", "metrics/val/mae": f"{STARTED} 0.5 0\n{ENDED} 0.02 9\n"}
    files |= {"tags/mlflow.runName": "second try", "tags/mlflow.user": "mira"}
    files |= {"tags/mlflow.note.content": note} if note is not None else {}
    return {f"1/{name}/{file}": text for file, text in files.items()}


def store(folder: Path, *more: dict[str, str]) -> Path:
    experiment = f"experiment_id: '1'\nname: alloy\nlifecycle_stage: active\nlast_update_time: {ENDED}\n"
    files = {"1/meta.yaml": experiment, "1/tags/mlflow.note.content": "Fit for Al-Li-Mg.", ".trash/meta.yaml": "{"}
    for runs in (run_files("abc"), *more):
        files |= runs
    return build.notes(folder / "mlruns", files)


def database(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.executescript(TABLES)
        connection.execute("INSERT INTO experiments VALUES (1, 'alloy', 'active', ?)", (ENDED,))
        connection.execute("INSERT INTO experiment_tags VALUES ('mlflow.note.content', 'Fit for Al-Li-Mg.', 1)")
        for run, stage in (("abc", "active"), ("gone", "deleted"), ("mute", "active")):
            row = (run, "second try", "mira", stage, STARTED, ENDED)
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, 1)", row)
            if run != "mute":
                connection.execute("INSERT INTO tags VALUES ('mlflow.note.content', ?, ?)", (NOTE, run))
        connection.execute("INSERT INTO params VALUES ('r_max', '6.0', 'abc')")
        connection.execute("INSERT INTO latest_metrics VALUES ('val/mae', 0.02, 'abc')")
    connection.close()
    return path


EXPECTED = [
    ("file:1/note#line=1", "Fit for Al-Li-Mg.", None, "alloy"),
    ("file:1/abc/note#line=1", NOTE, "mira", "alloy › second try"),
    ("file:1/abc/values#line=1", "r_max = 6.0\nval/mae = 0.02", "mira", "alloy › second try"),
]


def told(passages: list[Passage]) -> list[tuple[str, str, str | None, str | None]]:
    return [(p.anchor, p.text, p.author, p.title) for p in passages]


def test_the_folder_and_the_database_say_the_same(tmp_path: Path) -> None:
    deleted, mute = run_files("gone", stage="deleted"), run_files("mute", note=None)
    of_folder = list(mlflow.read(store(tmp_path, deleted, mute)))
    of_database = list(mlflow.read(database(tmp_path / "mlflow.db")))
    assert told(of_folder) == told(of_database) == EXPECTED
    assert of_folder == of_database
    assert {p.time for p in of_folder} == {TOLD}
    assert of_folder[1].thread == of_folder[2].thread != of_folder[0].thread


def test_every_law_holds_for_both(tmp_path: Path) -> None:
    check_source(mlflow.read, store(tmp_path))
    check_source(mlflow.read, database(tmp_path / "mlflow.db"))


def test_a_long_metric_is_read_from_its_end(tmp_path: Path) -> None:
    path = store(tmp_path)
    (path / "1/abc/metrics/val/mae").write_text("".join(f"{STARTED} {step} {step}\n" for step in range(100_000)))
    assert list(mlflow.read(path))[2].text == "r_max = 6.0\nval/mae = 99999"


def test_stores_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        list(mlflow.read(tmp_path / "mlruns"))
    with pytest.raises(BadInput, match="holds no experiment"):
        list(mlflow.read(tmp_path))
    (tmp_path / "a.db").write_text("no database")
    with pytest.raises(BadInput, match="is neither a folder nor an SQLite database"):
        list(mlflow.read(tmp_path / "a.db"))
    with sqlite3.connect(tmp_path / "b.db") as connection:
        connection.execute("CREATE TABLE other (a)")
    connection.close()
    with pytest.raises(BadInput, match=r"is no tracking store that can be read \(no such table: experiments"):
        list(mlflow.read(tmp_path / "b.db"))
    whole = database(tmp_path / "c.db").read_bytes()
    (tmp_path / "c.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="is no tracking store that can be read"):
        list(mlflow.read(tmp_path / "c.db"))
    path = store(tmp_path)
    for text, complaint in (("a: [", "is not YAML"), ("- a", "is a list"), ("!!python/object:x {}", "is not YAML")):
        (path / "1" / "abc" / "meta.yaml").write_text(text)
        with pytest.raises(BadInput, match=rf"abc/meta\.yaml: {complaint}"):
            list(mlflow.read(path))


def test_links_out_of_the_store_are_not_followed(tmp_path: Path) -> None:
    path = store(tmp_path)
    (tmp_path / "secret").write_text("stolen")
    (path / "1/abc/params/r_max").unlink()
    (path / "1/abc/params/r_max").symlink_to(tmp_path / "secret")
    assert not any("stolen" in passage.text for passage in mlflow.read(path))


WORDS = st.text(st.characters(codec="utf-8"), max_size=20)
FACTS = ["run_name", "user_id", "start_time", "end_time", "lifecycle_stage"]
META = st.dictionaries(st.sampled_from(FACTS), st.integers() | st.sampled_from(["~", "[]", "'a b'", "2024-10-08"]))


@given(WORDS, WORDS, META)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_noted_keeps_the_laws(tmp_path: Path, note: str, value: str, meta: dict[str, object]) -> None:
    path = store(tmp_path, run_files("more", note=note))
    (path / "1/more/meta.yaml").write_text("".join(f"{key}: {fact}\n" for key, fact in meta.items()) or "{}")
    (path / "1/more/params/r_max").write_text(value, encoding="utf-8")
    check_source(mlflow.read, path)
