"""MLflow → the notes on experiments and runs, each run's with its parameters and last metrics as evidence.

Read are the folder `mlruns` and the database `mlflow.db` (SQLite), as they lie on disk; MLflow itself is not needed.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from sonde.decisions.sources.archives import MIB
from sonde.decisions.sources.protocol import Source
from sonde.decisions.sources.readable import decoded, one_line, readable
from sonde.errors import BadInput
from sonde.records.decisions import Passage

MEND = "Give the folder mlruns, or the file mlflow.db, of an MLflow tracking store."
NOTE, RUN_NAME, USER = "mlflow.note.content", "mlflow.runName", "mlflow.user"
LATEST_MS = 4_102_444_800_000
MAGIC = b"SQLite format 3\0"
EXPERIMENTS = "SELECT * FROM experiments ORDER BY experiment_id"
EXPERIMENT_TAGS = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"
RUNS = (
    "SELECT run_uuid AS id, name, user_id, lifecycle_stage, start_time, end_time FROM runs WHERE experiment_id = ? "
    f"AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = '{NOTE}') ORDER BY start_time, run_uuid"
)
FACTS = {
    "tags": "SELECT key, value FROM tags WHERE run_uuid = ?",
    "params": "SELECT key, value FROM params WHERE run_uuid = ?",
    "metrics": "SELECT key, value FROM latest_metrics WHERE run_uuid = ?",
}


@dataclass(frozen=True)
class Noted:
    """An experiment or a run with what is said of it."""

    place: str
    """Its path in the store."""
    name: str | None
    author: str | None
    time: datetime | None
    note: str | None
    values: tuple[tuple[str, str], ...] = ()
    """Parameters and last metrics."""


def read(path: Path) -> Iterator[Passage]:
    """Yield the notes, experiment by experiment; what was deleted in MLflow is left out.

    The time is when a run ended, else began: MLflow does not say when a note was written. A run without a note says
    nothing here.

    Raises
    ------
    BadInput
        Where there is no tracking store, or it is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise BadInput(path, None, "does not exist", MEND)
    for experiment, runs in _folder(path) if path.is_dir() else _database(path):
        yield from _passages(experiment, experiment)
        for run in runs:
            yield from _passages(run, experiment)


def _passages(noted: Noted, experiment: Noted) -> Iterator[Passage]:
    text = readable(noted.note or "")
    if not text:
        return
    names = dict.fromkeys(filter(None, (experiment.name, noted.name)))
    values = readable("\n".join(f"{key} = {value}" for key, value in noted.values))
    for place, words in (("note", text), ("values", values)):
        if words:
            yield Passage(
                anchor=f"file:{noted.place}/{place}#line=1",
                text=words,
                kind="mlflow",
                author=noted.author,
                time=noted.time,
                thread=f"file:{noted.place}",
                title=" › ".join(names) or None,
            )


def _folder(path: Path) -> Iterator[tuple[Noted, Iterator[Noted]]]:
    """Yield the experiments of a store of files."""
    metas = sorted(meta for meta in path.glob("*/meta.yaml") if not meta.parent.name.startswith("."))
    if not metas:
        raise BadInput(path, None, "holds no experiment (no */meta.yaml)", MEND)
    for meta in metas:
        facts = _meta(meta)
        if facts.get("lifecycle_stage") != "deleted" and "experiment_id" in facts:
            tags = _files(meta.parent / "tags")
            time = _time(facts.get("last_update_time")) or _time(facts.get("creation_time"))
            name = one_line(facts.get("name"))
            yield Noted(_place(path, meta.parent), name, None, time, tags.get(NOTE)), _runs(path, meta.parent)


def _runs(path: Path, experiment: Path) -> Iterator[Noted]:
    for meta in sorted(experiment.glob("*/meta.yaml")):
        facts, tags = _meta(meta), _files(meta.parent / "tags")
        if facts.get("lifecycle_stage") == "deleted" or NOTE not in tags:
            continue
        metrics = {name: _last_value(decoded(_end_of(file))) for name, file in _listed(meta.parent / "metrics")}
        yield Noted(
            _place(path, meta.parent),
            one_line(tags.get(RUN_NAME) or facts.get("run_name")),
            one_line(tags.get(USER) or facts.get("user_id")),
            _time(facts.get("end_time")) or _time(facts.get("start_time")),
            tags.get(NOTE),
            (*_files(meta.parent / "params").items(), *metrics.items()),
        )


def _meta(file: Path) -> Mapping[str, Any]:
    try:
        found = yaml.safe_load(decoded(_content(file)))
    except (yaml.YAMLError, ValueError, RecursionError) as broken:
        raise BadInput(file, None, f"is not YAML that can be read ({one_line(broken)})", MEND) from broken
    if not isinstance(found, Mapping):
        raise BadInput(file, None, f"is a {type(found).__name__}, not the facts of an experiment or a run", MEND)
    return found


def _files(folder: Path) -> dict[str, str]:
    """Contents by file name: a parameter or tag with `/` in its name lies in a folder of its own."""
    return {name: decoded(_content(file)).strip() for name, file in _listed(folder)}


def _listed(folder: Path) -> list[tuple[str, Path]]:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and not file.is_symlink()]
    return [(file.relative_to(folder).as_posix(), file) for file in files]


def _content(file: Path) -> bytes:
    if file.is_symlink() or file.stat().st_size > 16 * MIB:
        raise BadInput(file, None, "is a link, or larger than an honest one", MEND)
    return file.read_bytes()


def _end_of(file: Path) -> bytes:
    """The last bytes of a metric, which may have a line for each of a million steps."""
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - 1024))
        return stream.read().rstrip()


def _last_value(text: str) -> str:
    """Of lines of time, value and step."""
    fields = text.rpartition("\n")[2].split()
    return fields[1] if len(fields) > 1 else ""


def _place(path: Path, folder: Path) -> str:
    return readable(folder.relative_to(path).as_posix()).replace("#", "_").replace("\n", " ")


def _database(path: Path) -> Iterator[tuple[Noted, Iterator[Noted]]]:
    """Yield the experiments of a database, which is opened for reading only."""
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            raise BadInput(path, None, "is neither a folder nor an SQLite database", MEND)
    try:
        # Immutable: nothing is written beside the file. Where somebody writes to it now, that would read stale pages.
        how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda payload: payload.decode("utf-8", "replace")
            for row in connection.execute(EXPERIMENTS).fetchall():
                if row["lifecycle_stage"] != "deleted":
                    yield _experiment(connection, dict(row)), iter(list(_rows(connection, row["experiment_id"])))
    except (sqlite3.Error, KeyError, IndexError) as broken:
        raise BadInput(path, None, f"is no tracking store that can be read ({broken})", MEND) from broken


def _experiment(connection: sqlite3.Connection, row: Mapping[str, Any]) -> Noted:
    note = dict(connection.execute(EXPERIMENT_TAGS, (row["experiment_id"],)).fetchall()).get(NOTE)
    time = _time(row.get("last_update_time"))  # which stores of before 2022 do not know
    return Noted(_in_anchor(str(row["experiment_id"])), one_line(row["name"]), None, time, _text(note))


def _rows(connection: sqlite3.Connection, experiment: object) -> Iterator[Noted]:
    for row in connection.execute(RUNS, (experiment,)).fetchall():
        if row["lifecycle_stage"] == "deleted":
            continue
        facts = {what: dict(connection.execute(query, (row["id"],)).fetchall()) for what, query in FACTS.items()}
        tags = facts["tags"]
        values = sorted(facts["params"].items()) + sorted(facts["metrics"].items())
        yield Noted(
            _in_anchor(f"{experiment}/{row['id']}"),
            one_line(tags.get(RUN_NAME) or row["name"]),
            one_line(tags.get(USER) or row["user_id"]),
            _time(row["end_time"]) or _time(row["start_time"]),
            _text(tags.get(NOTE)),
            tuple((str(key), str(value)) for key, value in values),
        )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _in_anchor(place: str) -> str:
    return one_line(place.replace("#", "_")) or "unnamed"


def _time(milliseconds: object) -> datetime | None:
    if not isinstance(milliseconds, int) or not 0 < milliseconds < LATEST_MS:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


SOURCE = Source("mlflow", read, complete=True)
