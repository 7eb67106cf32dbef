"""Sources, potentials, runs, artifacts, embeddings."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tests.store.laboratory import make_potential

from sonde.errors import NotFound, SondeError, WrongUse
from sonde.records.arrays import AnyArray
from sonde.records.decisions import Access
from sonde.store import Project, embeddings
from sonde.store.embeddings import read_arrays, write_arrays


def test_sources_are_registered_once_and_kept_up_to_date(project: Project) -> None:
    project.sources.add("chat", kind="slack", path="a", fingerprint="1")
    first = project.sources.row("chat")
    project.sources.add("chat", kind="slack", path="a", fingerprint="2")
    assert project.sources.names() == ["chat"]
    assert project.sources.row("chat") == replace(first, fingerprint="2")
    access = Access(include_private=True, excluded_channels=("hr", "random"))
    project.sources.add("chat", kind="slack", path="a", fingerprint="2", access=access)
    assert project.sources.row("chat").access == access
    with pytest.raises(NotFound, match="did you mean 'chat'"):
        project.sources.row("chap")


def test_potentials_come_back_exactly(project: Project) -> None:
    potential = make_potential()
    bare = replace(potential, name="bare", residuals=None, trained_on=None, reference_energies_eV={})
    project.potentials.add(potential)
    project.potentials.add(bare)
    project.potentials.add(bare)
    assert project.potentials.names() == ["m", "bare"]
    assert project.potentials.get("m") == potential
    assert project.potentials.get("bare") == bare
    with pytest.raises(WrongUse, match="remove it first"):
        project.potentials.add(replace(potential, checkpoint="other.model"))
    assert project.potentials.get("m") == potential
    project.potentials.remove("m")
    for call in (project.potentials.get, project.potentials.remove):
        with pytest.raises(NotFound, match="No potential is called 'm'"):
            call("m")


def test_runs_are_opened_and_closed_once(project: Project) -> None:
    run_id = project.runs.start("train", {"seed": 1, "out": Path("a")})
    running = project.runs.row(run_id)
    assert (running.state, running.ended, running.result, running.settings["out"]) == ("running", None, None, "a")
    project.runs.close(run_id, "failed", {"loss": float("nan")})
    closed = project.runs.row(run_id)
    assert (closed.state, closed.result) == ("failed", {"loss": None})
    assert closed.ended is not None
    assert closed.ended >= closed.started == running.started
    with pytest.raises(WrongUse, match="is not running"):
        project.runs.close(run_id, "done", {})
    with pytest.raises(NotFound, match="No run is called '9'"):
        project.runs.row(9)
    assert [run.id for run in project.runs.all("train")] == [run_id]
    assert project.runs.all("bench") == []


def test_artifacts_come_back_and_are_replaced(project: Project) -> None:
    assert project.artifacts.get("probe", "m") is None
    project.artifacts.put("probe", "m", b"one", {"n": 1})
    project.artifacts.put("probe", "twin", b"one", {"n": 2})
    project.artifacts.put("probe", "m", b"two", {"n": 3})
    assert project.artifacts.get("probe", "m") == (b"two", {"n": 3})
    assert project.artifacts.get("probe", "twin") == (b"one", {"n": 2})
    assert project.artifacts.names("probe") == ["m", "twin"]
    project.artifacts.put("probe", "twin", b"", {})
    with project.writing():
        pass
    assert len(list(project.lake.artifacts_folder.iterdir())) == 2


def test_a_damaged_artifact_is_said(project: Project) -> None:
    project.artifacts.put("probe", "m", b"one", {})
    (path,) = project.lake.artifacts_folder.iterdir()
    path.write_bytes(b"onf")
    with pytest.raises(SondeError, match="not as it was written"):
        project.artifacts.get("probe", "m")


arrays = hnp.arrays(
    st.sampled_from([np.float64, np.float32, np.int64, np.uint8, np.bool_]), hnp.array_shapes(min_dims=0, min_side=0)
)


@given(st.dictionaries(st.text("abc", min_size=1), arrays, max_size=3))
@settings(max_examples=30, deadline=None)
def test_arrays_come_back_bit_by_bit(tmp_path_factory: pytest.TempPathFactory, named: dict[str, AnyArray]) -> None:
    path = tmp_path_factory.mktemp("arrays") / "key.parquet"
    write_arrays(path, named)
    found = read_arrays(path)
    assert list(found) == list(named)
    for name, array in named.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


def test_embeddings_are_kept_in_float16_and_in_pieces(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "PIECE_BYTES", 1000)
    rng = np.random.default_rng(0)
    wide, forces = rng.normal(size=(70, 33)), rng.normal(size=(500, 3))
    assert project.embeddings.get("k") is None
    project.embeddings.put("k", {"embeddings": wide, "embeddings_scope": wide[:5], "forces": forces})
    found = project.embeddings.get("k")
    assert found is not None
    assert found["embeddings"].dtype == np.float64
    assert np.array_equal(found["embeddings"], wide.astype(np.float16))
    assert np.array_equal(found["embeddings_scope"], wide[:5].astype(np.float16))
    assert np.array_equal(found["forces"], forces)


def test_embeddings_beyond_float16_are_not_cut(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        project.embeddings.put("k", {"embeddings": np.array([[1e5, np.nan]])})
    assert "beyond what float16 holds" in caplog.text
    found = project.embeddings.get("k")
    assert found is not None
    assert found["embeddings"][0, 0] == 1e5


@pytest.mark.parametrize("key", ["", "../k", "a/b", "k.parquet", "x" * 201])
def test_keys_that_are_no_hash_are_refused(project: Project, key: str) -> None:
    with pytest.raises(WrongUse, match="letters, digits"):
        project.embeddings.put(key, {})
